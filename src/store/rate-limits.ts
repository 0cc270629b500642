/**
 * Rate limits, stored in Redis, so that they hold for all processes together. The algorithm is in
 * rate-limits.lua.
 *
 * Keys, with a TTL of a minute at most: `user:<id>:writes`, `login:<address>:<1 or 2>`.
 */
import { defineTake, type RedisClient } from './scripts.ts';

export interface RateLimitResult {
  allowed: boolean;
  /** how many requests are allowed right now */
  left: number;
  /** time until the next request is allowed, 0 if one is left; in s, rounded up */
  wait: number;
  /** time until the whole burst is allowed again; in s, rounded up */
  reset: number;
}

export type RateLimiter = ReturnType<typeof createRateLimiter>;

/** The number of requests that are allowed at once: half of a minute's. */
export const burstOf = (perMinute: number) => Math.ceil(perMinute / 2);

/** Creates the rate limiter of all processes that use this Redis. */
export function createRateLimiter(redis: RedisClient) {
  defineTake(redis);

  return {
    /**
     * Counts a request against the limit of `perMinute` evenly spread requests, of which {@link
     * burstOf} are allowed at once. Rejects if Redis fails.
     */
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
