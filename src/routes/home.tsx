import { type Context, Hono } from 'hono';
import type { AppContext } from '../context.ts';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import { renderPage } from '../http/respond.ts';
import { tabOf } from '../http/tab.ts';
import {
  PAGE_BYTES,
  PAGE_SIZE,
  PINNED_BYTES,
  THROUGH_BYTES,
  THROUGH_MEMOS,
} from '../memo/bounds.ts';
import { createSearch, type Search } from '../memo/search.ts';
import {
  idOf,
  type Memo,
  type MemoBytes,
  type MemoPage,
  parseMemo,
  type StoredMemo,
} from '../memo/stored-memo.ts';
import { createPause, joinYielding } from '../memo/yielding.ts';
import { readSession } from '../middleware/read-session.ts';
import { Editor } from '../pages/composer.tsx';
import { CardChange, Cards, Home, type ListName } from '../pages/home.tsx';
import { Invitation } from '../pages/invitation.tsx';
import { type ListQuery, pageHref, readId, readListQuery } from '../pages/list-query.tsx';
import { renderCard } from '../pages/memo-card.tsx';
import { renderText } from '../pages/memo-text.tsx';
import type { Notice } from '../pages/notice.tsx';

/** Shows a person's memos: the routes that end on the page share this. */
export function createHome({ memos, searches }: Pick<AppContext, 'memos' | 'searches'>) {
  /** Up to `limit` of the person's memos, newest first: of all, or of those that the search finds. */
  function list(
    c: Context<Env>,
    limit: number,
    { search, before }: { search?: Search; before?: number | undefined },
  ): Promise<MemoPage> {
    const { userId } = c.get('session')!;
    if (!search) return memos.page(userId, limit, before);
    return searches.run(userId, tabOf(c), c.req.raw.signal, (signal) =>
      memos.search(userId, search.matches, limit, before, signal),
    );
  }

  /** Those that the view is of, newest first. */
  async function read(
    c: Context<Env>,
    { before, through }: ListQuery,
    search?: Search,
  ): Promise<MemoPage> {
    const part = await list(c, PAGE_SIZE, { search, before });
    let length = 0;
    while (
      part.next !== undefined &&
      through !== undefined &&
      part.next > through &&
      part.memos.length < THROUGH_MEMOS &&
      length < THROUGH_BYTES &&
      !c.req.raw.signal.aborted
    ) {
      const more = await list(c, PAGE_SIZE, { search, before: part.next });
      for (const memo of more.memos) length += memo.byteLength;
      part.memos.push(...more.memos);
      part.next = more.next;
    }
    return part;
  }

  return {
    list,

    /**
     * The page. If the memo to edit no longer exists, the page opens without an editor.
     * @param notice what was done; htmx gets the page's address, too
     * @param options.requireEdit a memo to edit that does not exist is a problem instead
     * @throws Problem `not-found`
     */
    async page(
      c: Context<Env>,
      asked: ListQuery,
      notice?: Notice,
      { requireEdit = false } = {},
    ): Promise<Response> {
      const page = c.get('page');
      const session = c.get('session')!;
      const { userId, person } = session;
      const search = createSearch(asked.q ?? '');
      const isFirst = asked.before === undefined;
      const [found, pins, editing] = await Promise.all([
        read(c, asked, search),
        isFirst && !search ? memos.pinned(userId) : [],
        asked.edit === undefined ? undefined : memos.find(userId, asked.edit),
      ]);
      if (requireEdit && asked.edit !== undefined && editing === undefined) {
        throw new Problem('not-found');
      }
      const query = {
        ...asked,
        q: search && asked.q,
        edit: editing === undefined ? undefined : asked.edit,
      };
      const memo = editing === undefined ? undefined : parseMemo(editing);
      const editor =
        memo && String(<Editor page={page} person={person} memo={memo} query={query} />);
      const href = pageHref(page, { ...query, edit: undefined });
      const toCard = (shown: Memo, text: string) =>
        editor && shown.id === memo?.id ? editor : renderCard({ page, memo: shown, text }, href);
      const pinned = await renderCards(c, pins, toCard, { limit: PINNED_BYTES });
      // By their ids: one that is changed between the two looks is another text in each.
      const above = new Set(pinned.memos.map(({ id }) => id));
      const rest =
        above.size > 0 ? found.memos.filter((stored) => !above.has(idOf(stored))) : found.memos;
      const others = await renderCards(c, rest, toCard, {
        search,
        taken: pinned.bytes,
        skip: isFirst ? undefined : isPinnedAbove(query, search),
      });
      const isShown = [...pinned.memos, ...others.memos].some(({ id }) => id === memo?.id);
      return renderPage(
        c,
        <Home
          page={page}
          reader={session}
          newKey={crypto.randomUUID()}
          pinned={pinned.html}
          memos={others.html}
          editor={isShown ? undefined : editor}
          query={query}
          search={search}
          next={others.last?.id ?? found.next}
          lastPinned={isFirst ? pinned.memos.at(-1)?.id : query.pinned}
          notice={notice}
        />,
        notice && page.fragment ? { headers: { 'HX-Replace-Url': pageHref(page, query) } } : {},
      );
    },

    /**
     * What an answer to a change says to a page that has the list the memo is in: its card alone.
     * @param stored the memo; undefined: it is gone
     * @returns undefined when the page has no such list, so that it has to be made anew
     */
    async change(
      c: Context<Env>,
      query: ListQuery,
      notice: Notice,
      id: number,
      stored?: StoredMemo,
    ): Promise<Response | undefined> {
      const page = c.get('page');
      const memo = stored === undefined ? undefined : parseMemo(stored);
      const search = createSearch(query.q ?? '');
      const list: ListName = memo?.pin && !search ? 'pinned' : 'memos';
      if (!c.req.header('Memo-Lists')?.split(' ').includes(list)) return undefined;
      // The address is that of what the page shows by now.
      let item = '';
      const isInView =
        memo &&
        (!search || search.matches(memo.text)) &&
        (query.before === undefined || id < query.before);
      if (isInView) {
        const text = await joinYielding(renderText({ page, memo, search }), pauseFor(c));
        const href = pageHref(page, { ...query, edit: undefined });
        item = `<li>${renderCard({ page, memo, text }, href)}</li>`;
      }
      return renderPage(
        c,
        <CardChange page={page} id={id} list={list} item={item} query={query} notice={notice} />,
        // The address stays that of what the page shows by now.
        { headers: { 'HX-Push-Url': 'false' } },
      );
    },

    /** Only the older memos, to be added below others. */
    async older(c: Context<Env>, query: ListQuery): Promise<Response> {
      const page = c.get('page');
      const search = createSearch(query.q ?? '');
      const found = await read(c, query, search);
      const shown = search ? { q: query.q } : {};
      const href = pageHref(page, shown);
      const { html, last } = await renderCards(
        c,
        found.memos,
        (memo, text) => renderCard({ page, memo, text }, href),
        { search, skip: isPinnedAbove(query, search) },
      );
      return renderPage(
        c,
        <Cards
          page={page}
          memos={html}
          query={shown}
          next={last?.id ?? found.next}
          lastPinned={query.pinned}
        />,
      );
    },
  };
}

export type HomePages = ReturnType<typeof createHome>;

/** The page: an invitation to log in, or a person's memos, one of which may be open for editing. */
export function homeRoutes({ memos, sessions }: AppContext, home: HomePages) {
  const app = new Hono<Env>();

  app.get('/', readSession(sessions), async (c) => {
    const page = c.get('page');
    const session = c.get('session');
    if (!session) {
      // In the middle of somebody's page, the invitation would take the place of their memos.
      if (page.fragment) throw new Problem('logged-out');
      return renderPage(c, <Invitation page={page} rivals={c.get('rivals') !== undefined} />);
    }
    const fields = new Map(Object.entries(c.req.query()));
    for (const name of ['before', 'through', 'edit', 'deleted', 'pinned']) {
      if (fields.has(name) && readId(fields.get(name)) === undefined) {
        throw new Problem('bad-request');
      }
    }
    const deleted = readId(fields.get('deleted'));
    // It may have been restored since.
    const isGone = deleted !== undefined && !(await memos.find(session.userId, deleted));
    const notice = isGone ? { removed: deleted } : undefined;
    return home.page(c, readListQuery(fields), notice, { requireEdit: true });
  });

  return app;
}

/** Pauses for others, and ends the work when its reader has left. */
export const pauseFor = (c: Context<Env>) => createPause(() => c.req.raw.signal.aborted);

/**
 * Renders memos until they are as much as a page may be; at least one, so that the next page goes on.
 * Others have their turn in between, and it ends when the reader has left.
 * @param toCard makes a memo's card of its text
 * @param options.taken bytes that are on the page already
 * @param options.skip memos that are not shown here
 * @param options.fixed whether their tasks cannot be done here
 * @returns what was rendered as items of a list, about how many bytes they are, and the last of them
 *   when something is left
 */
export async function renderCards(
  c: Context<Env>,
  stored: MemoBytes[],
  toCard: (memo: Memo, text: string) => string,
  {
    search,
    limit = PAGE_BYTES,
    taken = 0,
    skip = () => false,
    fixed = false,
  }: {
    search?: Search;
    limit?: number;
    taken?: number;
    skip?: ((memo: Memo) => boolean) | undefined;
    fixed?: boolean;
  } = {},
) {
  const page = c.get('page');
  const pause = pauseFor(c);
  const memos: Memo[] = [];
  let html = '';
  let bytes = 0;
  for (const json of stored) {
    const memo = parseMemo(json);
    if (skip(memo)) continue;
    const text = await joinYielding(renderText({ page, memo, search, fixed }), pause);
    const item = `<li>${toCard(memo, text)}</li>`;
    // Only the text is not ASCII, and JSON has it in as many bytes.
    const size = item.length + json.byteLength - memo.text.length;
    const last = memos.at(-1);
    if (last && taken + bytes + size > limit) return { memos, html, bytes, last };
    memos.push(memo);
    html += item;
    bytes += size;
    c.get('flight').hold(taken + bytes);
  }
  return { memos, html, bytes, last: undefined };
}

/** On a page that goes on below another: those that stand above as pinned are not shown twice. */
const isPinnedAbove = ({ pinned }: ListQuery, search: Search | undefined) =>
  search || pinned === undefined ? undefined : ({ id, pin }: Memo) => pin && id >= pinned;
