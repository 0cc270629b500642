import { SEARCHES } from '../memo/bounds.ts';
import { createFairQueue } from '../memo/fair-queue.ts';
import { busy } from './problem.ts';

export type Searches = ReturnType<typeof createSearches>;

/**
 * Searches are the most expensive requests. A process runs one search of each person at a time, and
 * `SEARCHES` of all people together; the others wait in turn.
 */
export function createSearches() {
  const all = createFairQueue(SEARCHES);
  const people = new Map<
    string,
    { inTurn: typeof all; tabs: Map<string, AbortController>; count: number }
  >();

  return {
    /**
     * Runs a search after those of the person's other tabs; an older search of the same tab is aborted.
     * @param tab the tab's name; empty for clients that have none
     * @param signal aborted when the client has disconnected
     * @param search returns early, with what it has found, when its signal is aborted
     * @throws Problem 429 if a newer search aborted this one
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
