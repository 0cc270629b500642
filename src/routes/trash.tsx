import { Hono } from 'hono';
import { every } from 'hono/combine';
import type { Dependencies, Env } from '../env.ts';
import { parseMemo } from '../memos.ts';
import { readForm } from '../middleware/body.ts';
import { readSession, requireSession } from '../middleware/session.ts';
import { Trash } from '../pages/trash.tsx';
import { Problem } from '../problem.ts';
import { readId } from './memos.tsx';

export function trashRoutes({ config, memos, sessions }: Dependencies) {
  const app = new Hono<Env>();
  const loggedIn = every(readForm(), readSession(sessions), requireSession(config));
  const page = `${config.prefix}/trash`;

  // What was deleted in the last 30 days; with `confirm`, and a question.
  app.get('/', loggedIn, async (c) => {
    const site = c.get('site');
    const { userId } = c.get('session')!;
    const [name, trash] = await Promise.all([sessions.nameOf(userId), memos.trash(userId)]);
    return c.html(
      <Trash
        site={site}
        name={name ?? site.t.member}
        memos={trash.map(parseMemo)}
        confirm={c.req.query('confirm') !== undefined}
      />,
    );
  });

  app.post('/empty', loggedIn, async (c) => {
    await memos.empty(c.get('session')!.userId);
    return c.redirect(page, 303);
  });

  app.post('/:id/purge', loggedIn, async (c) => {
    const id = readId(c.req.param('id'));
    if (id === undefined || !(await memos.purge(c.get('session')!.userId, id))) {
      throw new Problem(404, 'not-found');
    }
    return c.redirect(page, 303);
  });

  return app;
}
