import type { Context, MiddlewareHandler } from 'hono';
import { except } from 'hono/combine';
import { matchedRoutes } from 'hono/route';
import { METHOD_NAME_ALL } from 'hono/router';

/** Middleware is registered for all methods, routes for one each. */
const isUnrouted = (c: Context) =>
  matchedRoutes(c).every(({ method }) => method === METHOD_NAME_ALL);

/**
 * Runs middleware only for requests that a route handles: unknown paths are 404 and wrong methods 405
 * for everybody, before a login is asked for or a write is counted.
 */
export const onRoutes = (...middleware: MiddlewareHandler[]) => except(isUnrouted, ...middleware);
