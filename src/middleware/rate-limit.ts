import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import { burstOf, type RateLimiter } from '../store/rate-limits.ts';

export interface RateLimitOptions {
  /** the limit's name in the headers */
  name: string;
  limiter: RateLimiter;
  /** 0: no limit */
  perMinute: number;
  /** the key that the request is counted under; undefined: it is not counted */
  keyOf: (c: Context<Env>) => string | undefined;
}

/**
 * Refuses requests beyond the limit with 429 and `Retry-After`. All counted requests get `RateLimit`
 * headers (draft-ietf-httpapi-ratelimit-headers-10).
 */
export function rateLimit({ name, limiter, perMinute, keyOf }: RateLimitOptions) {
  return createMiddleware<Env>(async (c, next) => {
    const key = perMinute > 0 ? keyOf(c) : undefined;
    // A Redis that is too full to count refuses memos, too, but takes deletions, which make room.
    const result = key && (await limiter.take(key, perMinute).catch(() => undefined));
    if (!result) return next();
    // Default headers, so that an error response has them, too.
    c.set('headers', {
      ...c.get('headers'),
      'RateLimit-Policy': `"${name}";q=${burstOf(perMinute)};w=30`,
      RateLimit: `"${name}";r=${result.left};t=${result.reset}`,
    });
    if (!result.allowed) throw new Problem('too-many', { retryAfter: result.wait });
    return next();
  });
}
