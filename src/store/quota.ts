/**
 * How much of Redis's memory one person's memos and trash may take.
 *
 * Measuring walks over all that is stored, so it is not done for each memo: what this process adds
 * is counted on top of the last measurement, which is taken anew after a minute, and before anything
 * is refused. So a limit is passed by what other processes add within that minute, at the most.
 */
import { LRUCache } from 'lru-cache';

const MINUTE = 60_000; // ms
const PEOPLE = 10_000; // whose figures are kept, a few hundred bytes each

/**
 * The most that Redis takes for so many bytes of text: sizes of its allocator are a quarter apart.
 * Too much does no harm, as nothing is refused before it is measured.
 */
const takenFor = (bytes: number) => bytes * 1.25 + 64;

export type Quota = ReturnType<typeof createQuota>;

/**
 * @param limit in bytes; 0: none, and nothing is measured
 * @param measure tells how many bytes a person's data takes
 * @param now a clock, in ms
 */
export function createQuota(
  limit: number,
  measure: (user: string) => Promise<number>,
  now: () => number = () => performance.now(),
) {
  const known = new LRUCache<string, { bytes: number; until: number }>({ max: PEOPLE });

  return {
    /** Whether there is room for so many bytes more. Rejects when Redis does not answer. */
    async hasRoom(user: string, bytes: number): Promise<boolean> {
      if (limit === 0) return true;
      const taken = takenFor(bytes);
      let used = known.get(user);
      if (!used || now() >= used.until || used.bytes + taken > limit) {
        used = { bytes: await measure(user), until: now() + MINUTE };
        known.set(user, used);
      }
      return used.bytes + taken <= limit;
    },

    /** Counts bytes that were stored. Those that went are seen when it is measured. */
    add(user: string, bytes: number): void {
      const used = known.get(user);
      if (used && bytes > 0) used.bytes += takenFor(bytes);
    },
  };
}
