import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import type { Log } from '../http/log.ts';
import { isSafe } from '../http/methods.ts';
import { LOGGED_PATH_LENGTH } from '../memo/bounds.ts';

/**
 * Gives each request an id and logs one line for it: what was asked, what came of it, and whose session
 * it was, by a pseudonym. The path is logged without its query, which holds codes and states at login;
 * headers, cookies, bodies and the address are not logged. Successful health checks are logged at
 * `debug`: the image asks itself every ten seconds, and so does each balancer.
 */
export function accessLog(log: Log) {
  return createMiddleware<Env>(async (c, next) => {
    const start = performance.now();
    c.set('requestId', crypto.randomUUID());
    await next();
    const { status } = c.res;
    const event = c.get('securityEvent');
    // Reading that succeeds is the most frequent, and nobody's business.
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

/** Cut, because long paths would push other requests out of the log; not between two surrogates. */
function shorten(path: string): string {
  if (path.length <= LOGGED_PATH_LENGTH) return path;
  return `${path.slice(0, LOGGED_PATH_LENGTH).replace(/[\ud800-\udbff]$/, '')}…`;
}
