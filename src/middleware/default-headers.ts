import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { securityHeaders } from '../http/security-headers.ts';

/**
 * Sets the default headers of every response; those that a route gives take precedence.
 * Comes behind `pageContext`.
 * @param https whether the browser reaches us by https
 * @param shutdown aborted when shutdown begins
 */
export function defaultHeaders(https: boolean, shutdown: AbortSignal) {
  const common = {
    ...securityHeaders(https),
    // A response is about a person unless its route says otherwise.
    'Cache-Control': 'private, no-store',
  };
  const ofFragments = { ...common, 'Memo-Fragment': 'true' };
  return createMiddleware<Env>(async (c, next) => {
    // Tells the script that this is our fragment, not an error page of a load balancer or proxy.
    c.set('headers', c.get('page').fragment ? ofFragments : common);
    await next();
    // Load balancers must not reuse the connection.
    if (shutdown.aborted) c.res.headers.set('Connection', 'close');
  });
}
