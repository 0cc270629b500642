import { createMiddleware } from 'hono/factory';
import type { Env, Log } from '../http/env.ts';
import { LOGGED_PATH_LENGTH } from '../memo/bounds.ts';
import { pseudonymOf } from '../store/sessions.ts';

/**
 * Gives each request a number of its own, and logs one line for it: what was asked, what came of it, and whose session it was, by a pseudonym.
 * The path goes without its query, which holds codes and states at login; headers, cookies and bodies
 * are never looked at, nor is the address. Health checks that succeed are logged at `debug`: the image
 * asks itself every ten seconds, and each balancer, too.
 */
export function accessLog(log: Log) {
  return createMiddleware<Env>(async (c, next) => {
    const start = performance.now();
    c.set('requestId', crypto.randomUUID());
    await next();
    const { status } = c.res;
    const event = c.get('event');
    const session = c.get('session');
    // Most of all requests only read, and succeed: those are spared the pseudonym's hash.
    const isPlain = /^(?:GET|HEAD)$/.test(c.req.method) && status < 400 && !event;
    const fields = {
      id: c.get('requestId'),
      method: c.req.method,
      path: shorten(c.req.path),
      status,
      ms: Math.round((performance.now() - start) * 10) / 10,
      reason: c.get('reason'),
      event,
      person: c.get('person') ?? (session && !isPlain ? pseudonymOf(session.userId) : undefined),
    };
    if (status >= 500) log.warn(fields, 'request');
    else if (c.get('isHealthCheck') && status === 200) log.debug(fields, 'request');
    else log.info(fields, 'request');
  });
}

/** A long path would push what others have asked out of the log: it is cut, not in the middle of a pair. */
function shorten(path: string): string {
  if (path.length <= LOGGED_PATH_LENGTH) return path;
  return `${path.slice(0, LOGGED_PATH_LENGTH).replace(/[\ud800-\udbff]$/, '')}…`;
}
