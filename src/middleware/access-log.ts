import { createMiddleware } from 'hono/factory';
import type { Env, Log } from '../env.ts';
import { pseudonymOf } from '../sessions.ts';

/**
 * Gives each request a number of its own, and logs one line for it: what was asked, what came of it, and whose session it was, by a pseudonym.
 * The path goes without its query, which holds codes and states at login; headers, cookies and bodies
 * are never looked at, nor is the address.
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
      path: c.req.path,
      status,
      ms: Math.round((performance.now() - start) * 10) / 10,
      reason: c.get('reason'),
      event,
      person: c.get('person') ?? (session && !isPlain ? pseudonymOf(session.userId) : undefined),
    };
    if (status >= 500) log.warn(fields, 'request');
    else log.info(fields, 'request');
  });
}
