import { createMiddleware } from 'hono/factory';
import type { Env, Log } from '../env.ts';

/**
 * Logs one line a request. The path goes without its query, which holds codes and states at login;
 * headers, cookies and bodies are never looked at.
 */
export function accessLog(log: Log) {
  return createMiddleware<Env>(async (c, next) => {
    const start = performance.now();
    await next();
    const { status } = c.res;
    const fields = {
      id: c.get('requestId'),
      method: c.req.method,
      path: c.req.path,
      status,
      ms: Math.round((performance.now() - start) * 10) / 10,
      reason: c.get('reason'),
    };
    if (status >= 500) log.warn(fields, 'request');
    else log.info(fields, 'request');
  });
}
