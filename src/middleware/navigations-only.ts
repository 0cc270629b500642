import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';

/**
 * Refuses requests that are no navigation of a tab (https://www.w3.org/TR/fetch-metadata/): pictures,
 * frames, scripts and prefetches of `/login`, which any site can put on its pages, would use up the
 * logins of the reader's address. It has to come before the rate limiter. Old browsers and programs
 * send none of these headers, and pass.
 */
export function navigationsOnly() {
  return createMiddleware<Env>((c, next) => {
    const mode = c.req.header('Sec-Fetch-Mode');
    const destination = c.req.header('Sec-Fetch-Dest');
    const navigates =
      (mode === undefined || mode === 'navigate') &&
      (destination === undefined ||
        destination === 'document' ||
        // What Chromium sends when a service worker on the host passes a navigation on. Other sites
        // cannot: only a worker of our own origin sees navigations to it.
        (destination === 'empty' && mode === 'navigate'));
    // A page that is prefetched or prerendered may never be looked at.
    if (!navigates || c.req.header('Sec-Purpose') !== undefined) {
      throw new Problem('bad-request');
    }
    return next();
  });
}
