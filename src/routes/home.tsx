import type { Context } from 'hono';
import type { Dependencies, Env } from '../http/env.ts';
import { answerPage } from '../http/respond.ts';
import {
  PAGE_BYTES,
  PAGE_SIZE,
  PINNED_BYTES,
  THROUGH_BYTES,
  THROUGH_MEMOS,
} from '../memo/bounds.ts';
import { createSearch, type Search } from '../memo/search.ts';
import { idOf, type Memo, type MemoPage, parseMemo, type StoredMemo } from '../memo/stored-memo.ts';
import { createPause, joinYielding } from '../memo/yielding.ts';
import { tabOf } from '../middleware/announce-changes.ts';
import { Editor } from '../pages/composer.tsx';
import { CardChange, Cards, Home, type ListName } from '../pages/home.tsx';
import { pageHref, type View } from '../pages/list-query.tsx';
import { renderCard } from '../pages/memo-card.tsx';
import { renderText } from '../pages/memo-text.tsx';
import type { Notice } from '../pages/notice.tsx';
import { pseudonymOf } from '../store/sessions.ts';

/** Shows a person's memos: the routes that end on the page share this. */
export function createHome({
  memos,
  sessions,
  searches,
}: Pick<Dependencies, 'memos' | 'sessions' | 'searches'>) {
  /** Up to `limit` of the person's memos, newest first: of all, or of those that the search finds. */
  function list(
    c: Context<Env>,
    limit: number,
    { search, before }: { search?: Search | undefined; before?: number | undefined },
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
    { before, through }: View,
    search?: Search,
  ): Promise<MemoPage> {
    const page = await list(c, PAGE_SIZE, { search, before });
    let length = 0;
    while (
      page.next !== undefined &&
      through !== undefined &&
      page.next > through &&
      page.memos.length < THROUGH_MEMOS &&
      length < THROUGH_BYTES &&
      !c.req.raw.signal.aborted
    ) {
      const more = await list(c, PAGE_SIZE, { search, before: page.next });
      for (const memo of more.memos) length += memo.byteLength;
      page.memos.push(...more.memos);
      page.next = more.next;
    }
    return page;
  }

  return {
    list,

    /**
     * The page. A memo that is to be edited and is not there any more is not.
     * @param notice what was done; htmx gets the page's address, too
     */
    async page(c: Context<Env>, asked: View, notice?: Notice): Promise<Response> {
      const site = c.get('site');
      const { userId } = c.get('session')!;
      const search = createSearch(asked.q ?? '');
      const isFirst = asked.before === undefined;
      const [name, found, pins, editing] = await Promise.all([
        sessions.nameOf(userId),
        read(c, asked, search),
        isFirst && !search ? memos.pinned(userId) : [],
        asked.edit === undefined ? undefined : memos.find(userId, asked.edit),
      ]);
      const view = {
        ...asked,
        q: search && asked.q,
        edit: editing === undefined ? undefined : asked.edit,
      };
      if (notice && site.fragment) c.get('headers')['HX-Replace-Url'] = pageHref(site, view);
      const person = pseudonymOf(userId);
      const memo = editing === undefined ? undefined : parseMemo(editing);
      const editor = memo && String(<Editor site={site} person={person} memo={memo} view={view} />);
      const href = pageHref(site, { ...view, edit: undefined });
      const toCard = (shown: Memo, text: string) =>
        editor && shown.id === memo?.id ? editor : renderCard({ site, memo: shown, text }, href);
      const pinned = await renderCards(c, pins, toCard, { limit: PINNED_BYTES });
      // By their ids: one that is changed between the two looks is another text in each.
      const above = new Set(pinned.memos.map(({ id }) => id));
      const rest =
        above.size > 0 ? found.memos.filter((stored) => !above.has(idOf(stored))) : found.memos;
      const others = await renderCards(c, rest, toCard, {
        search,
        taken: pinned.bytes,
        skip: isFirst ? undefined : isPinnedAbove(view, search),
      });
      const isShown = [...pinned.memos, ...others.memos].some(({ id }) => id === memo?.id);
      return answerPage(
        c,
        <Home
          site={site}
          reader={{ name: name ?? site.t.member, person }}
          newKey={crypto.randomUUID()}
          pinned={pinned.html}
          memos={others.html}
          editor={isShown ? undefined : editor}
          view={view}
          search={search}
          next={others.last?.id ?? found.next}
          lastPinned={isFirst ? pinned.memos.at(-1)?.id : view.pinned}
          notice={notice}
        />,
      );
    },

    /**
     * What an answer to a change says to a page that has the list the memo is in: its card alone.
     * @param stored the memo; undefined: it is gone
     * @returns undefined when the page has no such list, so that it has to be made anew
     */
    async change(
      c: Context<Env>,
      view: View,
      notice: Notice,
      id: number,
      stored?: StoredMemo,
    ): Promise<Response | undefined> {
      const site = c.get('site');
      const memo = stored === undefined ? undefined : parseMemo(stored);
      const search = createSearch(view.q ?? '');
      const list: ListName = memo?.pin && !search ? 'pinned' : 'memos';
      if (!c.req.header('Memo-Lists')?.split(' ').includes(list)) return undefined;
      // The address is that of what the page shows by now.
      c.get('headers')['HX-Push-Url'] = 'false';
      let item = '';
      const isInView =
        memo &&
        (!search || search.matches(memo.text)) &&
        (view.before === undefined || id < view.before);
      if (isInView) {
        const text = await joinYielding(renderText({ site, memo, search }), pauseFor(c));
        const href = pageHref(site, { ...view, edit: undefined });
        item = `<li>${renderCard({ site, memo, text }, href)}</li>`;
      }
      return answerPage(
        c,
        <CardChange site={site} id={id} list={list} item={item} view={view} notice={notice} />,
      );
    },

    /** Only the older memos, to be added below others. */
    async older(c: Context<Env>, view: View): Promise<Response> {
      const site = c.get('site');
      const search = createSearch(view.q ?? '');
      const found = await read(c, view, search);
      const shown = search ? { q: view.q } : {};
      const href = pageHref(site, shown);
      const { html, last } = await renderCards(
        c,
        found.memos,
        (memo, text) => renderCard({ site, memo, text }, href),
        { search, skip: isPinnedAbove(view, search) },
      );
      return answerPage(
        c,
        <Cards
          site={site}
          memos={html}
          view={shown}
          next={last?.id ?? found.next}
          lastPinned={view.pinned}
        />,
      );
    },
  };
}

export type HomePages = ReturnType<typeof createHome>;

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
  stored: Uint8Array[],
  toCard: (memo: Memo, text: string) => string,
  {
    search,
    limit = PAGE_BYTES,
    taken = 0,
    skip = () => false,
    fixed = false,
  }: {
    search?: Search | undefined;
    limit?: number;
    taken?: number;
    skip?: ((memo: Memo) => boolean) | undefined;
    fixed?: boolean;
  } = {},
) {
  const site = c.get('site');
  const pause = pauseFor(c);
  const memos: Memo[] = [];
  let html = '';
  let bytes = 0;
  for (const json of stored) {
    const memo = parseMemo(json);
    if (skip(memo)) continue;
    const text = await joinYielding(renderText({ site, memo, search, fixed }), pause);
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
const isPinnedAbove = ({ pinned }: View, search: Search | undefined) =>
  search || pinned === undefined ? undefined : ({ id, pin }: Memo) => pin && id >= pinned;
