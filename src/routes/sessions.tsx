import { Hono } from 'hono';
import type { AppContext } from '../context.ts';
import type { Env } from '../http/env.ts';
import { redirect, renderPage } from '../http/respond.ts';
import { clearSessionCookie } from '../http/session-cookie.ts';
import { readBody } from '../middleware/read-body.ts';
import { requireSession } from '../middleware/require-session.ts';
import { Sessions } from '../pages/sessions.tsx';
import { sessionIdOf } from '../store/sessions.ts';

/** The list of the person's sessions, and ending them. */
export function sessionRoutes({ config, changes, sessions }: AppContext) {
  const app = new Hono<Env>();
  app.use(readBody({ sessions }), requireSession(config));

  // The list, with a button to end each session but this one.
  app.get('/', async (c) => {
    const session = c.get('reader');
    return renderPage(
      c,
      <Sessions
        page={c.get('page')}
        reader={session}
        sessions={await sessions.list(session.userId, session.hash)}
        current={sessionIdOf(session.hash)}
      />,
    );
  });

  // Ends all sessions, including this one.
  app.post('/end', async (c) => {
    const { userId } = c.get('reader');
    await sessions.endAll(userId);
    c.set('securityEvent', 'sessions-ended');
    void changes.publishEnd(userId);
    clearSessionCookie(c, config);
    return redirect(c, `${config.prefix}/`, 303);
  });

  // Ends one session.
  app.post('/:id/end', async (c) => {
    const { userId } = c.get('reader');
    if (await sessions.endById(userId, c.req.param('id'))) {
      c.set('securityEvent', 'session-ended');
      void changes.publishEnd(userId);
    }
    return redirect(c, `${config.prefix}/sessions`, 303);
  });

  return app;
}
