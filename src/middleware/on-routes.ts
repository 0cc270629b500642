import type { Context, MiddlewareHandler } from 'hono';
import { except } from 'hono/combine';
import { matchedRoutes } from 'hono/route';
import { METHOD_NAME_ALL } from 'hono/router';

/** Whether only middleware matches: it is registered for all methods, a route for one. */
const isUnrouted = (c: Context) =>
  matchedRoutes(c).every(({ method }) => method === METHOD_NAME_ALL);

/**
 * Runs middleware only for requests that a route handles: unknown paths get 404 and wrong methods 405
 * without a login, and are not counted as writes.
 */
export const onRoutes = (...middleware: MiddlewareHandler[]) => except(isUnrouted, ...middleware);
