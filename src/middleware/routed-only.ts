import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import { METHOD_NAME_ALL } from 'hono/router';

/**
 * Ends requests that no route handles: unknown paths are 404, and wrong methods 405, for everybody,
 * before a login is asked for or a write is counted.
 */
export function routedOnly() {
  return createMiddleware(async (c, next) => {
    // Middleware is registered for all methods, routes for one each.
    const isRouted = matchedRoutes(c).some(({ method }) => method !== METHOD_NAME_ALL);
    if (!isRouted) return c.notFound();
    return next();
  });
}
