import type { Config } from '../config.ts';
import { clientAddress } from '../http/client-address.ts';
import type { RateLimiter } from '../store/rate-limits.ts';
import { rateLimit } from './rate-limit.ts';

/** Limits the login attempts of each client address. */
export function limitLogins(limiter: RateLimiter, { loginsPerMinute, trustProxy }: Config) {
  return rateLimit({
    name: 'logins',
    limiter,
    perMinute: loginsPerMinute,
    // The redirect to Naver and the callback are counted apart: a login takes one of each.
    keyOf: (c) => `login:${clientAddress(c, trustProxy)}:${c.req.path.endsWith('/login') ? 1 : 2}`,
  });
}
