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

/** Renders the page of a person's memos, for all routes that respond with it or with a part of it. */
export function createHome({ memos, searches }: Pick<AppContext, 'memos' | 'searches'>) {
  /** Up to `limit` of the person's memos, newest first; with `search`, of those that it finds. */
  function list(
    c: Context<Env>,
    limit: number,
    { search, before }: { search?: Search; before?: number },
  ): Promise<MemoPage> {
    const { userId } = c.get('reader');
    if (!search) return memos.page(userId, limit, before);
    return searches.run(userId, tabOf(c), c.req.raw.signal, (signal) =>
      memos.search(userId, search.matches, limit, before, signal),
    );
  }

  /** The memos of a list query, newest first: a page of them, and more down to `through`. */
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
     * Responds with the page. If the memo to edit no longer exists, the page opens without an editor.
     * @param notice what was just done; htmx also gets the page's address
     * @param options.requireEdit throws if the memo to edit does not exist
     * @throws Problem `not-found`
     */
    async page(
      c: Context<Env>,
      asked: ListQuery,
      notice?: Notice,
      { requireEdit = false } = {},
    ): Promise<Response> {
      const page = c.get('page');
      const session = c.get('reader');
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
      // Compared by id: a memo that changed between the two reads has two texts.
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
     * Responds to a change with the memo's card alone, for a page that has the list of the card.
     * @param stored the memo; undefined: it was deleted
     * @returns undefined if the page has no such list: it needs a whole page
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
        // The page shows the same list as before, so its address stays.
        { headers: { 'HX-Push-Url': 'false' } },
      );
    },

    /** Responds with the items of older memos, to be added below the list. */
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

/** The page: an invitation to log in, or the person's memos. */
export function homeRoutes({ memos, sessions }: AppContext, home: HomePages) {
  const app = new Hono<Env>();

  // The page; with `edit`, a memo in an editor; with `deleted`, a notice that can undo the deletion.
  app.get('/', readSession(sessions), async (c) => {
    const page = c.get('page');
    const session = c.get('session');
    if (!session) {
      // As a fragment, the invitation would replace the memos on the page.
      if (page.fragment) throw new Problem('logged-out');
      return renderPage(c, <Invitation page={page} rivals={c.get('rivals') !== undefined} />);
    }
    c.set('reader', session);
    const fields = new Map(Object.entries(c.req.query()));
    for (const name of ['before', 'through', 'edit', 'deleted', 'pinned']) {
      if (fields.has(name) && readId(fields.get(name)) === undefined) {
        throw new Problem('bad-request');
      }
    }
    const deleted = readId(fields.get('deleted'));
    // No undo for a memo that has been restored since.
    const isGone = deleted !== undefined && !(await memos.find(session.userId, deleted));
    const notice = isGone ? { removed: deleted } : undefined;
    return home.page(c, readListQuery(fields), notice, { requireEdit: true });
  });

  return app;
}

/** Lets other requests run in the middle of long work, which ends when the client has disconnected. */
export const pauseFor = (c: Context<Env>) => createPause(() => c.req.raw.signal.aborted);

export interface RenderCardsOptions {
  /** marks what it finds */
  search?: Search;
  /** bytes of HTML, with those of `taken` */
  limit?: number;
  /** bytes that are on the page already */
  taken?: number;
  /** whether a memo is left out */
  skip?: (memo: Memo) => boolean;
  /** whether tasks cannot be ticked here */
  fixed?: boolean;
}

/**
 * Renders memos as items of a list, up to the limit of bytes, but at least one, so that the next page
 * makes progress. Lets other requests run in between, and throws when the client has disconnected.
 * @param toCard renders a memo's card around its text
 * @returns the memos that were rendered, their HTML, about how many bytes it has, and the last of them
 *   if some are left
 */
export async function renderCards(
  c: Context<Env>,
  stored: MemoBytes[],
  toCard: (memo: Memo, text: string) => string,
  options: RenderCardsOptions = {},
) {
  const { search, limit = PAGE_BYTES, taken = 0, skip = () => false, fixed = false } = options;
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
    // Only the text is not ASCII; its UTF-8 length is about that in the JSON.
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

/** For items that are added below a first page: leaves out memos that it shows as pinned. */
const isPinnedAbove = ({ pinned }: ListQuery, search: Search | undefined) =>
  search || pinned === undefined ? undefined : ({ id, pin }: Memo) => pin && id >= pinned;
