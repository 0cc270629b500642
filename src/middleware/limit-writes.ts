import type { Config } from '../config.ts';
import { isSafe } from '../http/methods.ts';
import type { RateLimiter } from '../store/rate-limits.ts';
import { rateLimit } from './rate-limit.ts';

/** Limits the writes of each person; reads are not counted. */
export function limitWrites(limiter: RateLimiter, { writesPerMinute }: Config) {
  return rateLimit({
    name: 'writes',
    limiter,
    perMinute: writesPerMinute,
    keyOf: (c) => (isSafe(c.req.method) ? undefined : `user:${c.get('reader').userId}:writes`),
  });
}
