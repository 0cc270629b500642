import { Hono } from 'hono';
import type { Dependencies, Env } from '../env.ts';
import { parseMemo } from '../memos.ts';
import { readSession } from '../middleware/session.ts';
import { Edit } from '../pages/edit.tsx';
import { Home } from '../pages/home.tsx';
import { Invitation } from '../pages/invitation.tsx';
import { Problem } from '../problem.ts';
import { createSearch } from '../search.ts';
import { pseudonymOf, randomToken } from '../sessions.ts';
import { readId } from './memos.tsx';

const PAGE_SIZE = 50; // memos

export function pageRoutes({ memos, sessions }: Dependencies) {
  const app = new Hono<Env>();

  // The page: an invitation, a person's memos, or one memo to be edited.
  app.get('/', readSession(sessions), async (c) => {
    const site = c.get('site');
    const session = c.get('session');
    if (!session) return c.html(<Invitation site={site} />);
    const { userId } = session;

    const person = await pseudonymOf(userId);
    const query = c.req.query();
    const [before, edit, deleted] = [query.before, query.edit, query.deleted].map((value) => {
      const id = readId(value);
      if (value !== undefined && id === undefined) throw new Problem(400, 'bad-request');
      return id;
    });

    const view = { before, q: query.q };

    if (edit !== undefined) {
      const [name, memo] = await Promise.all([sessions.nameOf(userId), memos.find(userId, edit)]);
      if (memo === undefined) throw new Problem(404, 'not-found');
      return c.html(
        <Edit
          site={site}
          name={name ?? site.t.member}
          person={person}
          memo={parseMemo(memo)}
          view={view}
        />,
      );
    }

    const search = createSearch(query.q ?? '');
    const [name, page, pinned, present] = await Promise.all([
      sessions.nameOf(userId),
      search
        ? memos.search(userId, search.matches, PAGE_SIZE, before, c.req.raw.signal)
        : memos.page(userId, PAGE_SIZE, before),
      search ? [] : memos.pinned(userId),
      deleted === undefined ? undefined : memos.find(userId, deleted),
    ]);
    const above = new Set(pinned);
    return c.html(
      <Home
        site={site}
        name={name ?? site.t.member}
        person={person}
        newKey={randomToken()}
        pinned={before === undefined ? pinned.map(parseMemo) : []}
        memos={page.memos.filter((memo) => !above.has(memo)).map(parseMemo)}
        view={search ? view : { before }}
        search={search}
        next={page.next}
        deleted={present === undefined ? deleted : undefined}
      />,
    );
  });

  return app;
}
