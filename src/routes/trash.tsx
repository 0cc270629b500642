import { type Context, Hono } from 'hono';
import type { Dependencies, Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import { answerPage } from '../http/respond.ts';
import { PAGE_SIZE } from '../memo/bounds.ts';
import type { Memo } from '../memo/stored-memo.ts';
import { announceChanges } from '../middleware/announce-changes.ts';
import { readBody } from '../middleware/body.ts';
import { limitWrites } from '../middleware/rate-limit.ts';
import { requireSession } from '../middleware/session.ts';
import { readId } from '../pages/list-query.tsx';
import { TrashCard } from '../pages/memo-card.tsx';
import { Trash } from '../pages/trash.tsx';
import { pseudonymOf } from '../store/sessions.ts';
import { renderCards } from './home.tsx';

export function trashRoutes({ config, events, limiter, memos, sessions }: Dependencies) {
  const app = new Hono<Env>();
  const loggedIn = [
    readBody({ sessions }),
    requireSession(config),
    limitWrites(limiter, config),
    announceChanges(events),
  ] as const;
  const page = `${config.prefix}/trash`;

  const show = async (
    c: Context<Env>,
    {
      before,
      confirm = false,
      done,
    }: { before?: number | undefined; confirm?: boolean; done?: string },
  ) => {
    const site = c.get('site');
    const { userId } = c.get('session')!;
    const [name, list, count] = await Promise.all([
      sessions.nameOf(userId),
      memos.trash(userId, PAGE_SIZE, before),
      confirm ? memos.countTrash(userId) : 0,
    ]);
    const toCard = (memo: Memo, text: string) =>
      String(<TrashCard site={site} memo={memo} text={text} before={before} />);
    const { html, last } = await renderCards(c, list.memos, toCard, { fixed: true });
    return answerPage(
      c,
      <Trash
        site={site}
        reader={{ name: name ?? site.t.member, person: pseudonymOf(userId) }}
        memos={html}
        toEmpty={count}
        before={before}
        next={last?.deleted ?? list.next}
        done={done}
      />,
    );
  };

  /** After a form: htmx gets the page at once, a browser that sent the form itself by a redirect. */
  const backToTrash = (c: Context<Env>, done: string) => {
    const before = readId(c.get('form')?.get('before'));
    const address = before === undefined ? page : `${page}?before=${before}`;
    if (!c.get('site').fragment) return c.redirect(address, 303);
    c.get('headers')['HX-Replace-Url'] = address;
    return show(c, { before, done });
  };

  // What was deleted in the last 30 days; with `confirm`, and a question.
  app.get('/', ...loggedIn, (c) => {
    const { before, confirm } = c.req.query();
    const cursor = readId(before);
    if (before !== undefined && cursor === undefined) throw new Problem(400, 'bad-request');
    return show(c, { before: cursor, confirm: confirm !== undefined });
  });

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
