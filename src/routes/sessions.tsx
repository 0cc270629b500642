import { Hono } from 'hono';
import type { Dependencies, Env } from '../http/env.ts';
import { answerPage } from '../http/respond.ts';
import { readBody } from '../middleware/body.ts';
import { clearSessionCookie, requireSession } from '../middleware/session.ts';
import { Sessions } from '../pages/sessions.tsx';
import { idOf, pseudonymOf } from '../store/sessions.ts';

/** Where somebody is logged in, and out again. */
export function sessionRoutes({ config, events, sessions }: Dependencies) {
  const app = new Hono<Env>();
  const loggedIn = [readBody({ sessions }), requireSession(config)] as const;

  app.get('/', ...loggedIn, async (c) => {
    const site = c.get('site');
    const { userId, hash } = c.get('session')!;
    const [name, list] = await Promise.all([sessions.nameOf(userId), sessions.list(userId, hash)]);
    return answerPage(
      c,
      <Sessions
        site={site}
        reader={{ name: name ?? site.t.member, person: pseudonymOf(userId) }}
        sessions={list}
        current={idOf(hash)}
      />,
    );
  });

  // All of them, this one, too.
  app.post('/end', ...loggedIn, async (c) => {
    const { userId } = c.get('session')!;
    await sessions.endAll(userId);
    c.set('event', 'sessions-ended');
    void events.publishEnd(userId);
    clearSessionCookie(c, config);
    return c.redirect(`${config.prefix}/`, 303);
  });

  app.post('/:id/end', ...loggedIn, async (c) => {
    const { userId } = c.get('session')!;
    if (await sessions.endById(userId, c.req.param('id'))) {
      c.set('event', 'session-ended');
      void events.publishEnd(userId);
    }
    return c.redirect(`${config.prefix}/sessions`, 303);
  });

  return app;
}
