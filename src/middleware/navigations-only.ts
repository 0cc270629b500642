import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';

/**
 * Refuses requests that are not navigations of a tab (https://www.w3.org/TR/fetch-metadata/). Any site
 * can embed `/login` as an image, frame, script or prefetch, which would use up the login limit of its
 * visitors' addresses. So this comes before the rate limiter. Old browsers and programs send none of
 * these headers, and pass.
 */
export function navigationsOnly() {
  return createMiddleware<Env>((c, next) => {
    const mode = c.req.header('Sec-Fetch-Mode');
    const destination = c.req.header('Sec-Fetch-Dest');
    const navigates =
      (mode === undefined || mode === 'navigate') &&
      (destination === undefined ||
        destination === 'document' ||
        // Chromium sends this when a service worker forwards a navigation. Other sites cannot: only
        // a worker of our own origin handles navigations to it.
        (destination === 'empty' && mode === 'navigate'));
    // A page that is prefetched or prerendered may never be shown.
    if (!navigates || c.req.header('Sec-Purpose') !== undefined) {
      throw new Problem('bad-request');
    }
    return next();
  });
}
