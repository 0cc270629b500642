import { SEARCHES } from '../memo/bounds.ts';
import { Problem } from '../problem.ts';

export type Searches = ReturnType<typeof createSearches>;

/**
 * Searching is the most that a request can ask for: a person has one search under way in a process,
 * and all people together a few; the others wait for their turn.
 */
export function createSearches() {
  const current = new Map<string, AbortController>();
  const waiting: (() => void)[] = [];
  let free = SEARCHES;

  return {
    /**
     * Runs a search of this person's, and ends an older one.
     * @param signal aborted when nobody waits for the result any more
     * @param search ends early, with whatever it has, when its signal is aborted
     * @throws Problem 429 when a newer one has ended this one
     */
    async run<T>(
      userId: string,
      signal: AbortSignal,
      search: (signal: AbortSignal) => Promise<T>,
    ): Promise<T> {
      current.get(userId)?.abort();
      const own = new AbortController();
      current.set(userId, own);
      try {
        if (free > 0) free--;
        else await new Promise<void>((resolve) => waiting.push(resolve));
        try {
          const found = await search(AbortSignal.any([signal, own.signal]));
          if (own.signal.aborted) {
            throw new Problem(429, 'busy', { headers: { 'Retry-After': '1' } });
          }
          return found;
        } finally {
          const next = waiting.shift();
          if (next) next();
          else free++;
        }
      } finally {
        if (current.get(userId) === own) current.delete(userId);
      }
    },
  };
}
