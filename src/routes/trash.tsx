import { type Context, Hono } from 'hono';
import type { AppContext } from '../context.ts';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import { redirect, renderPage } from '../http/respond.ts';
import { PAGE_SIZE } from '../memo/bounds.ts';
import type { Memo } from '../memo/stored-memo.ts';
import { announceChanges } from '../middleware/announce-changes.ts';
import { limitWrites } from '../middleware/limit-writes.ts';
import { readBody } from '../middleware/read-body.ts';
import { requireSession } from '../middleware/require-session.ts';
import { readId } from '../pages/list-query.tsx';
import { TrashCard } from '../pages/memo-card.tsx';
import { Trash } from '../pages/trash.tsx';
import { renderCards } from './home.tsx';

interface ShowOptions {
  /** the cursor of a page */
  before?: number;
  /** whether to ask if the trash is to be emptied */
  confirm?: boolean;
  /** what was just done, for screen readers */
  done?: string;
  headers?: Record<string, string>;
}

/** The trash: what was deleted in the last 30 days. */
export function trashRoutes({ config, changes, limiter, memos, sessions }: AppContext) {
  const app = new Hono<Env>();
  app.use(
    readBody({ sessions }),
    requireSession(config),
    limitWrites(limiter, config),
    announceChanges(changes),
  );
  const address = `${config.prefix}/trash`;

  const show = async (c: Context<Env>, { before, confirm = false, done, headers }: ShowOptions) => {
    const page = c.get('page');
    const session = c.get('reader');
    const { userId } = session;
    const [list, count] = await Promise.all([
      memos.trash(userId, PAGE_SIZE, before),
      confirm ? memos.countTrash(userId) : 0,
    ]);
    const toCard = (memo: Memo, text: string) =>
      String(<TrashCard page={page} memo={memo} text={text} before={before} />);
    const { html, last } = await renderCards(c, list.memos, toCard, { fixed: true });
    return renderPage(
      c,
      <Trash
        page={page}
        reader={session}
        memos={html}
        toEmpty={count}
        before={before}
        next={last?.deleted ?? list.next}
        done={done}
      />,
      { headers },
    );
  };

  /** Responds to a form: to htmx with the trash, to a browser with a redirect to it. */
  const backToTrash = (c: Context<Env>, done: string) => {
    const before = readId(c.get('form')?.get('before'));
    const location = before === undefined ? address : `${address}?before=${before}`;
    if (!c.get('page').fragment) return redirect(c, location, 303);
    return show(c, { before, done, headers: { 'HX-Replace-Url': location } });
  };

  // The memos in the trash; with `confirm`, the question whether to empty it.
  app.get('/', (c) => {
    const { before, confirm } = c.req.query();
    const cursor = readId(before);
    if (before !== undefined && cursor === undefined) throw new Problem('bad-request');
    return show(c, { before: cursor, confirm: confirm !== undefined });
  });

  // Deletes all memos in the trash for good.
  app.post('/empty', async (c) => {
    await memos.empty(c.get('reader').userId);
    return backToTrash(c, c.get('page').t.trashEmpty);
  });

  // Deletes one memo in the trash for good.
  app.post('/:id/purge', async (c) => {
    const id = readId(c.req.param('id'));
    if (id === undefined || !(await memos.purge(c.get('reader').userId, id))) {
      throw new Problem('not-found');
    }
    return backToTrash(c, c.get('page').t.purged);
  });

  return app;
}
