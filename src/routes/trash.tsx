import { type Context, Hono } from 'hono';
import { raw } from 'hono/html';
import { answerPage } from '../answer.ts';
import type { Dependencies, Env } from '../env.ts';
import { parseMemo } from '../memos.ts';
import { announceChanges } from '../middleware/announce-changes.ts';
import { readForm } from '../middleware/body.ts';
import { limitWrites } from '../middleware/rate-limit.ts';
import { readSession, requireSession } from '../middleware/session.ts';
import { TrashCard } from '../pages/memo-card.tsx';
import { Trash } from '../pages/trash.tsx';
import { readId } from '../pages/view.tsx';
import { Problem } from '../problem.ts';
import { pseudonymOf } from '../sessions.ts';
import { mapInTurns } from '../turns.ts';

export function trashRoutes({ config, events, limiter, memos, sessions }: Dependencies) {
  const app = new Hono<Env>();
  const loggedIn = [
    readForm(),
    readSession(sessions),
    requireSession(config),
    limitWrites(limiter, config),
    announceChanges(events),
  ] as const;
  const page = `${config.prefix}/trash`;

  const show = async (
    c: Context<Env>,
    { confirm = false, done }: { confirm?: boolean; done?: string },
  ) => {
    const site = c.get('site');
    const { userId } = c.get('session')!;
    const [name, trash] = await Promise.all([sessions.nameOf(userId), memos.trash(userId)]);
    const cards = await mapInTurns(trash, (stored) =>
      raw(
        <li>
          <TrashCard site={site} memo={parseMemo(stored)} />
        </li>,
      ),
    );
    return answerPage(
      c,
      <Trash
        site={site}
        reader={{ name: name ?? site.t.member, person: pseudonymOf(userId) }}
        cards={cards}
        confirm={confirm}
        done={done}
      />,
    );
  };

  /** After a form: htmx gets the page at once, a browser that sent the form itself by a redirect. */
  const backToTrash = (c: Context<Env>, done: string) => {
    if (!c.get('site').fragment) return c.redirect(page, 303);
    c.get('headers')['HX-Replace-Url'] = page;
    return show(c, { done });
  };

  // What was deleted in the last 30 days; with `confirm`, and a question.
  app.get('/', ...loggedIn, (c) => show(c, { confirm: c.req.query('confirm') !== undefined }));

  app.post('/empty', ...loggedIn, async (c) => {
    await memos.empty(c.get('session')!.userId);
    return backToTrash(c, c.get('site').t.trashEmpty);
  });

  app.post('/:id/purge', ...loggedIn, async (c) => {
    const id = readId(c.req.param('id'));
    if (id === undefined || !(await memos.purge(c.get('session')!.userId, id))) {
      throw new Problem(404, 'not-found');
    }
    return backToTrash(c, c.get('site').t.purged);
  });

  return app;
}
