import { Hono } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { AppContext } from './context.ts';
import type { Env } from './http/env.ts';
import { Problem } from './http/problem.ts';
import { accessLog } from './middleware/access-log.ts';
import { countFlight } from './middleware/count-flight.ts';
import { defaultHeaders } from './middleware/default-headers.ts';
import { pageContext } from './middleware/page-context.ts';
import { routedOnly } from './middleware/routed-only.ts';
import { sameOrigin } from './middleware/same-origin.ts';
import { strictPath } from './middleware/strict-path.ts';
import { assetRoutes } from './routes/assets.ts';
import { authRoutes } from './routes/auth.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { createHome, homeRoutes } from './routes/home.tsx';
import { memoRoutes } from './routes/memos.tsx';
import { handleError, respondProblem } from './routes/problem.tsx';
import { sessionRoutes } from './routes/sessions.tsx';
import { settingsRoutes } from './routes/settings.ts';
import { trashRoutes } from './routes/trash.tsx';

/** Creates the application from middleware and routes. Its caller destroys the context. */
export function createApp(context: AppContext): Hono<Env> {
  const { config, assets, flights, log, shutdown } = context;
  const app = new Hono<Env>();

  app.use(accessLog(log));
  app.use(countFlight(flights));
  app.use(pageContext(context));
  app.use(defaultHeaders(config.publicUrl.startsWith('https:'), shutdown));
  app.use(strictPath());
  app.use(sameOrigin(new URL(config.publicUrl).origin));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        respondProblem(
          c,
          new Problem('method-not-allowed', { headers: { Allow: methods.join(', ') } }),
        ),
    }),
  );
  app.use(routedOnly());

  const home = createHome(context);
  const health = healthRoutes(context);
  const page = homeRoutes(context, home);
  const routes = new Hono<Env>();
  routes.route('/', health);
  routes.route('/', authRoutes(context));
  routes.route('/assets', assetRoutes(assets));
  routes.route('/memo/events', eventRoutes(context));
  routes.route('/memo', memoRoutes(context, home));
  routes.route('/trash', trashRoutes(context));
  routes.route('/sessions', sessionRoutes(context));
  routes.route('/settings', settingsRoutes(config));

  const base = config.basePath;
  app.route(base || '/', routes);
  // The page is at the prefix with and without a trailing slash. Health checks are also at the root, as
  // the balancer does not know the prefix.
  app.route(base || '/', page);
  if (base) {
    app.route(`${base}/`, page);
    app.route('/', health);
  }

  app.notFound((c) => respondProblem(c, new Problem('not-found')));
  app.onError(handleError(log));
  return app;
}
