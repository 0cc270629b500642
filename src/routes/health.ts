import { Hono } from 'hono';
import type { AppContext } from '../context.ts';
import type { Env } from '../http/env.ts';
import { respondText } from '../http/respond.ts';

/** How long a result is reused, in ms: many load balancers that ask at once cost one check of Redis. */
const FRESH = 500;

/** Health checks, for load balancers and the container. */
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

  // Liveness: does not depend on Redis, because restarting this process would not repair it.
  app.get('/healthz', (c) => {
    c.set('isHealthCheck', true);
    return respondText(c, 'ok\n');
  });

  // Readiness: Redis can be read and written, and no shutdown has begun.
  app.get('/readyz', async (c) => {
    c.set('isHealthCheck', true);
    if (shutdown.aborted || !(await isStorageReady())) {
      return respondText(c, 'not ready\n', { status: 503, headers: { 'Retry-After': '2' } });
    }
    // Ready in spite of a warning: taking all targets out of service would add an outage to the risk.
    const warning = storageWarning();
    return respondText(c, warning === undefined ? 'ready\n' : `ready\nwarning: ${warning}\n`);
  });

  return app;
}
