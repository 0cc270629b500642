import { Hono } from 'hono';
import type { AppContext } from '../context.ts';
import type { Env } from '../http/env.ts';
import { respondText } from '../http/respond.ts';

/** How long a result is good for, in ms: many balancers asking at once are one question to Redis. */
const FRESH = 500;

export function healthRoutes({ checkStorage, storageWarning, shutdown }: AppContext) {
  let checked = 0;
  let check: Promise<boolean> = Promise.resolve(false);

  function isStorageReady(): Promise<boolean> {
    const now = performance.now();
    if (checked === 0 || now - checked > FRESH) {
      checked = now;
      check = checkStorage().then(
        () => true,
        () => false,
      );
    }
    return check;
  }

  const app = new Hono<Env>();
  // The process is alive, whatever becomes of Redis: restarting it would help nobody.
  app.get('/healthz', (c) => {
    c.set('isHealthCheck', true);
    return respondText(c, 'ok\n');
  });

  // Redis can be read and written, and no shutdown has begun.
  app.get('/readyz', async (c) => {
    c.set('isHealthCheck', true);
    if (shutdown.aborted || !(await isStorageReady())) {
      return respondText(c, 'not ready\n', { status: 503, headers: { 'Retry-After': '2' } });
    }
    // Still ready: to take all targets out would only add an outage to the risk.
    const warning = storageWarning();
    return respondText(c, warning === undefined ? 'ready\n' : `ready\nwarning: ${warning}\n`);
  });

  return app;
}
