/**
 * Rate limits, kept in Redis, so that they hold for all processes together.
 *
 * Keys, with a TTL of a minute at most: `user:<id>:writes`, `login:<address>:<1 or 2>`.
 */
import { defineScripts, type RedisClient } from './scripts.ts';

export interface RateLimitResult {
  allowed: boolean;
  /** how many may be done right now */
  left: number;
  /** until the next one, 0 when there is one left; in s, rounded up */
  wait: number;
  /** until as many may be done as at first; in s, rounded up */
  reset: number;
}

export type RateLimiter = ReturnType<typeof createRateLimiter>;

/** Half of what a minute allows may be done at once. */
export const burstOf = (perMinute: number) => Math.ceil(perMinute / 2);

export function createRateLimiter(redis: RedisClient) {
  defineScripts(redis);

  return {
    /** Takes one of `perMinute`, spread evenly, half of them at once. Rejects when Redis refuses. */
    async take(key: string, perMinute: number): Promise<RateLimitResult> {
      const [allowed, left, wait, reset] = await redis.take(
        key,
        Math.round(60e6 / perMinute),
        burstOf(perMinute),
      );
      const seconds = (micros: number) => Math.ceil(micros / 1e6);
      return { allowed: allowed === 1, left, wait: seconds(wait), reset: seconds(reset) };
    },
  };
}
