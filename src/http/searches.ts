import { SEARCHES } from '../memo/bounds.ts';
import { createFairQueue } from '../memo/fair-queue.ts';
import { busy } from './problem.ts';

export type Searches = ReturnType<typeof createSearches>;

/**
 * Searching is the most that a request can ask for: a person has one search under way in a process,
 * and all people together a few; the others wait for their turn.
 */
export function createSearches() {
  const all = createFairQueue(SEARCHES);
  const people = new Map<
    string,
    { inTurn: typeof all; tabs: Map<string, AbortController>; count: number }
  >();

  return {
    /**
     * Runs a search of this person's, after those of other tabs; an older one of the same tab ends.
     * @param tab the tab's name; empty for whoever has none
     * @param signal aborted when nobody waits for the result any more
     * @param search ends early, with whatever it has, when its signal is aborted
     * @throws Problem 429 when a newer one has ended this one
     */
    async run<T>(
      userId: string,
      tab: string,
      signal: AbortSignal,
      search: (signal: AbortSignal) => Promise<T>,
    ): Promise<T> {
      const person = people.get(userId) ?? {
        inTurn: createFairQueue(1),
        tabs: new Map(),
        count: 0,
      };
      people.set(userId, person);
      person.count++;
      person.tabs.get(tab)?.abort();
      const own = new AbortController();
      person.tabs.set(tab, own);
      const either = AbortSignal.any([signal, own.signal]);
      try {
        const found = await person.inTurn(
          userId,
          () => all(userId, () => search(either), either),
          either,
        );
        either.throwIfAborted();
        return found;
      } catch (error) {
        throw own.signal.aborted ? busy(429) : error;
      } finally {
        if (person.tabs.get(tab) === own) person.tabs.delete(tab);
        if (--person.count === 0) people.delete(userId);
      }
    },
  };
}
