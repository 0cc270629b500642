import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { securityHeaders } from '../http/security-headers.ts';

/**
 * Sets the default headers of every response; those that a route gives take precedence.
 * @param https whether the browser reaches us by https
 * @param shutdown aborted when shutdown begins
 */
export function defaultHeaders(https: boolean, shutdown: AbortSignal) {
  const common = {
    ...securityHeaders(https),
    // Whatever does not say otherwise is about a person.
    'Cache-Control': 'private, no-store',
  };
  const ofFragments = { ...common, 'Memo-Fragment': 'true' };
  return createMiddleware<Env>(async (c, next) => {
    // The script tells a fragment of ours from a page that a balancer or proxy answers in our place.
    c.set('headers', c.req.header('HX-Request') === 'true' ? ofFragments : common);
    await next();
    // Tells a balancer not to use the connection again.
    if (shutdown.aborted) c.res.headers.set('Connection', 'close');
  });
}
