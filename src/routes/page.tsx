import { Hono } from 'hono';
import type { Dependencies, Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import { answerPage } from '../http/respond.ts';
import { readSession } from '../middleware/session.ts';
import { Invitation } from '../pages/invitation.tsx';
import { readId, readView } from '../pages/list-query.tsx';
import type { HomePages } from './home.tsx';

export function pageRoutes({ memos, sessions }: Dependencies, home: HomePages) {
  const app = new Hono<Env>();

  // The page: an invitation, or a person's memos, one of which may be open to be edited.
  app.get('/', readSession(sessions), async (c) => {
    const site = c.get('site');
    const session = c.get('session');
    if (!session) {
      // In the middle of a page of somebody's, the invitation would take the place of their memos.
      if (site.fragment) throw new Problem(401, 'logged-out');
      return answerPage(c, <Invitation site={site} rivals={c.get('rivals') !== undefined} />);
    }
    const query = c.req.query();
    for (const name of ['before', 'through', 'edit', 'deleted', 'pinned']) {
      if (query[name] !== undefined && readId(query[name]) === undefined) {
        throw new Problem(400, 'bad-request');
      }
    }
    const [edit, deleted] = [readId(query.edit), readId(query.deleted)];
    if (edit !== undefined && !(await memos.find(session.userId, edit))) {
      throw new Problem(404, 'not-found');
    }
    // It may have come back since.
    const removed = deleted !== undefined && !(await memos.find(session.userId, deleted));
    return home.page(
      c,
      readView(new Map(Object.entries(query))),
      removed ? { removed: deleted } : undefined,
    );
  });

  return app;
}
