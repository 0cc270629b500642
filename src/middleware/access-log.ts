import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import type { Log } from '../http/log.ts';
import { isSafe } from '../http/methods.ts';
import { LOGGED_PATH_LENGTH } from '../memo/bounds.ts';

/**
 * Gives each request an id and logs one line for it: method, path, status, and the person's pseudonym.
 * Not logged are the query, which holds codes and states at login, and headers, cookies, bodies and
 * addresses. Successful health checks are logged at `debug`, because the container and each load
 * balancer send one every ten seconds.
 */
export function accessLog(log: Log) {
  return createMiddleware<Env>(async (c, next) => {
    const start = performance.now();
    c.set('requestId', crypto.randomUUID());
    await next();
    const { status } = c.res;
    const event = c.get('securityEvent');
    // The log does not tell who read what.
    const isPlain = isSafe(c.req.method) && status < 400 && !event;
    const fields = {
      id: c.get('requestId'),
      method: c.req.method,
      path: shorten(c.req.path),
      status,
      ms: Math.round((performance.now() - start) * 10) / 10,
      reason: c.get('reason'),
      event,
      person: c.get('person') ?? (isPlain ? undefined : c.get('session')?.person),
    };
    if (status >= 500) log.warn(fields, 'request');
    else if (c.get('isHealthCheck') && status === 200) log.debug(fields, 'request');
    else log.info(fields, 'request');
  });
}

/** Long paths would push other requests out of the log. A surrogate pair is not cut in two. */
function shorten(path: string): string {
  if (path.length <= LOGGED_PATH_LENGTH) return path;
  return `${path.slice(0, LOGGED_PATH_LENGTH).replace(/[\ud800-\udbff]$/, '')}…`;
}
