import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import { METHOD_NAME_ALL } from 'hono/router';

/**
 * Ends requests that no route handles: unknown paths get 404 and wrong methods 405 without a login, and
 * are not counted as writes.
 */
export function routedOnly() {
  return createMiddleware((c, next) => {
    // Middleware is registered for all methods, a route for one.
    const isRouted = matchedRoutes(c).some(({ method }) => method !== METHOD_NAME_ALL);
    return isRouted ? next() : Promise.resolve(c.notFound());
  });
}
