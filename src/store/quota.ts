/**
 * The limit of Redis's memory that one person's memos and trash may take.
 *
 * Measuring walks over the nodes of both lists, so it is not done for each memo: bytes that this
 * process adds are counted on top of the last measurement, which is repeated after a minute and
 * before anything is refused. The limit can be exceeded by what other processes add within that
 * minute, not by more.
 */
import { LRUCache } from 'lru-cache';

const MINUTE = 60_000; // ms
const PEOPLE = 10_000; // whose measurements are cached, a few hundred bytes each

/**
 * The most memory that Redis takes for so many bytes of text: the size classes of jemalloc are up to
 * a quarter apart. An estimate that is too high is harmless, as nothing is refused before it is
 * measured.
 */
const takenFor = (bytes: number) => bytes * 1.25 + 64;

/**
 * Creates the quota of all people.
 * @param limit in bytes; 0: no limit, and nothing is measured
 * @param measure returns the bytes of memory that a person's data takes
 * @param now a clock, in ms
 */
export function createQuota(
  limit: number,
  measure: (user: string) => Promise<number>,
  now: () => number = () => performance.now(),
) {
  const known = new LRUCache<string, { bytes: number; until: number }>({ max: PEOPLE });

  return {
    /** Whether the person has room for so many more bytes. Rejects if `measure` does. */
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

    /** Counts bytes that were stored. Bytes that were removed count from the next measurement on. */
    add(user: string, bytes: number): void {
      const used = known.get(user);
      if (used && bytes > 0) used.bytes += takenFor(bytes);
    },
  };
}
