import type { Config } from '../config.ts';
import { clientAddress } from '../http/client-address.ts';
import type { RateLimiter } from '../store/rate-limits.ts';
import { rateLimit } from './rate-limit.ts';

/** Limits how often a client's address can log in, or try to. */
export function limitLogins(limiter: RateLimiter, { loginsPerMinute, trustProxy }: Config) {
  return rateLimit({
    name: 'logins',
    limiter,
    perMinute: loginsPerMinute,
    // Leaving for Naver and coming back are counted apart: a login takes one of each.
    keyOf: (c) => `login:${clientAddress(c, trustProxy)}:${c.req.path.endsWith('/login') ? 1 : 2}`,
  });
}
