import type { Config } from '../config.ts';
import { isSafe } from '../http/methods.ts';
import type { RateLimiter } from '../store/rate-limits.ts';
import { rateLimit } from './rate-limit.ts';

/** Limits how often a person can change something; reading is free. */
export function limitWrites(limiter: RateLimiter, { writesPerMinute }: Config) {
  return rateLimit({
    name: 'writes',
    limiter,
    perMinute: writesPerMinute,
    keyOf: (c) => (isSafe(c.req.method) ? undefined : `user:${c.get('session')!.userId}:writes`),
  });
}
