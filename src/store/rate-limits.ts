/**
 * Rate limits, kept in Redis, so that they hold for all processes together.
 *
 * Keys, with a TTL of a minute at most: `user:<id>:writes`, `login:<address>:<1 or 2>`.
 */
import type { Result } from 'ioredis';
import type { RedisClient } from './memos.ts';
import script from './rate-limits.lua';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    take(key: string, cost: number, burst: number): Result<number[], Context>;
  }
}

export interface Taken {
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
  redis.defineCommand('take', { numberOfKeys: 1, lua: script });

  return {
    /** Takes one of `perMinute`, spread evenly, half of them at once. Rejects when Redis refuses. */
    async take(key: string, perMinute: number): Promise<Taken> {
      const [allowed, left, wait, reset] = (await redis.take(
        key,
        Math.round(60e6 / perMinute),
        burstOf(perMinute),
      )) as [number, number, number, number];
      const seconds = (micros: number) => Math.ceil(micros / 1e6);
      return { allowed: allowed === 1, left, wait: seconds(wait), reset: seconds(reset) };
    },
  };
}
