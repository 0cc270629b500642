import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Config } from '../config.ts';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import { burstOf, type RateLimiter } from '../store/rate-limits.ts';

interface RateLimitOptions {
  /** what the limit is called in the headers */
  name: string;
  limiter: RateLimiter;
  /** 0: no limit */
  perMinute: number;
  /** what is counted by; undefined: this request is not */
  keyOf: (c: Context<Env>) => string | undefined;
}

/**
 * Answers 429 with `Retry-After` to whoever does too much, and tells everybody how much is left
 * (draft-ietf-httpapi-ratelimit-headers-10).
 */
function rateLimit({ name, limiter, perMinute, keyOf }: RateLimitOptions) {
  return createMiddleware<Env>(async (c, next) => {
    const key = perMinute > 0 ? keyOf(c) : undefined;
    // A Redis that does not count does not write either: what is asked for says so itself.
    const taken = key && (await limiter.take(key, perMinute).catch(() => undefined));
    if (!taken) return next();
    const headers = {
      'RateLimit-Policy': `"${name}";q=${burstOf(perMinute)};w=30`,
      RateLimit: `"${name}";r=${taken.left};t=${taken.reset}`,
    };
    Object.assign(c.get('headers'), headers);
    if (!taken.allowed) {
      throw new Problem(429, 'too-many', { headers: { 'Retry-After': String(taken.wait) } });
    }
    return next();
  });
}

/** Limits what a person can change; reading is free. */
export function limitWrites(limiter: RateLimiter, { writesPerMinute }: Config) {
  return rateLimit({
    name: 'writes',
    limiter,
    perMinute: writesPerMinute,
    keyOf: (c) => {
      const writes = c.req.method !== 'GET' && c.req.method !== 'HEAD';
      return writes ? `user:${c.get('session')!.userId}:writes` : undefined;
    },
  });
}

/** Limits how often somebody at one address can log in, or try to. */
export function limitLogins(limiter: RateLimiter, { loginsPerMinute, trustProxy }: Config) {
  return rateLimit({
    name: 'logins',
    limiter,
    perMinute: loginsPerMinute,
    // Going to Naver and coming back are counted apart: a login takes one of each.
    keyOf: (c) => `login:${addressOf(c, trustProxy)}:${c.req.path.endsWith('/login') ? 1 : 2}`,
  });
}

/**
 * Where a request comes from: the peer, or what the last of our own proxies says of it. The entries
 * before those are anybody's invention. Of IPv6, the network: one customer has a whole one.
 * @param proxies how many of ours append to `X-Forwarded-For`
 */
export function addressOf(c: Context<Env>, proxies: number): string {
  const peer = c.env?.incoming?.socket?.remoteAddress ?? '';
  const forwarded = (c.req.header('X-Forwarded-For') ?? '').split(',').map((it) => it.trim());
  const address = (proxies > 0 && forwarded.at(-proxies)) || peer;
  const v4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/.exec(address)?.[1];
  if (v4) return v4;
  const [head = '', tail] = address.replace(/^\[|\](?::\d+)?$/g, '').split('::');
  const groups = head.split(':').filter(Boolean);
  // `::` stands for zeros; what it hides in the first half is all that matters.
  const rest = tail?.split(':') ?? [];
  while (tail !== undefined && groups.length + rest.length < 8) groups.push('0');
  return [...groups, ...rest].slice(0, 4).join(':').slice(0, 64);
}
