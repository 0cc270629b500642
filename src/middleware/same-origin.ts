import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { isSafe } from '../http/methods.ts';
import { Problem } from '../http/problem.ts';

/**
 * Refuses cross-site requests that could change something (CSRF), whatever their content type, by
 * the algorithm of Go's `http.CrossOriginProtection`. Clients other than browsers send neither header,
 * and have no cookies to abuse.
 * @param origin our own
 */
export function sameOrigin(origin: string) {
  return createMiddleware<Env>((c, next) => {
    if (!isSafe(c.req.method)) {
      const site = c.req.header('Sec-Fetch-Site');
      const from = c.req.header('Origin');
      const allowed = site
        ? site === 'same-origin' || site === 'none'
        : from === undefined || from === origin;
      if (!allowed) throw new Problem('cross-site');
    }
    return next();
  });
}
