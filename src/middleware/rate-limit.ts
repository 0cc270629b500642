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
  /** what is counted by; undefined: this request is not counted */
  keyOf: (c: Context<Env>) => string | undefined;
}

/**
 * Answers requests beyond the limit with 429 and `Retry-After`, and tells all how much is left
 * (draft-ietf-httpapi-ratelimit-headers-10).
 */
export function rateLimit({ name, limiter, perMinute, keyOf }: RateLimitOptions) {
  return createMiddleware<Env>(async (c, next) => {
    const key = perMinute > 0 ? keyOf(c) : undefined;
    // A Redis that cannot count takes no writes either: the route's own error says so.
    const result = key && (await limiter.take(key, perMinute).catch(() => undefined));
    if (!result) return next();
    // Of every response, also of an error.
    c.set('headers', {
      ...c.get('headers'),
      'RateLimit-Policy': `"${name}";q=${burstOf(perMinute)};w=30`,
      RateLimit: `"${name}";r=${result.left};t=${result.reset}`,
    });
    if (!result.allowed) throw new Problem('too-many', { retryAfter: result.wait });
    return next();
  });
}
