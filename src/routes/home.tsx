import type { Context } from 'hono';
import { answerPage } from '../answer.ts';
import type { Dependencies, Env } from '../env.ts';
import {
  PAGE_BYTES,
  PAGE_SIZE,
  PINNED_BYTES,
  THROUGH_BYTES,
  THROUGH_MEMOS,
} from '../memo/bounds.ts';
import { idOf, type Page, parseMemo } from '../memos.ts';
import { tabOf } from '../middleware/announce-changes.ts';
import { type Card, createCardCache, renderItem } from '../pages/card-cache.tsx';
import { Editor } from '../pages/composer.tsx';
import { Cards, Home } from '../pages/home.tsx';
import type { Notice } from '../pages/notice.tsx';
import { pageHref, type View } from '../pages/view.tsx';
import { createSearch, type Search } from '../search.ts';
import { pseudonymOf } from '../sessions.ts';
import { takeTurns } from '../turns.ts';

/** Shows a person's memos: the routes that end on the page share this. */
export function createHome({
  memos,
  sessions,
  searches,
}: Pick<Dependencies, 'memos' | 'sessions' | 'searches'>) {
  const createCards = createCardCache();

  /** Up to `limit` of the person's memos, newest first: of all, or of those that the search finds. */
  function list(
    c: Context<Env>,
    limit: number,
    { search, before }: { search?: Search | undefined; before?: number | undefined },
  ): Promise<Page> {
    const { userId } = c.get('session')!;
    if (!search) return memos.page(userId, limit, before);
    return searches.run(userId, tabOf(c), c.req.raw.signal, (signal) =>
      memos.search(userId, search.matches, limit, before, signal),
    );
  }

  /** Those that the view is of, newest first. */
  async function read(c: Context<Env>, { before, through }: View, search?: Search): Promise<Page> {
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
      const toCard = createCards(site, view, { search, pause: pauseFor(c) });
      const pinned = await render(c, pins, toCard, PINNED_BYTES);
      // By their ids: one that is changed between the two looks is another text in each.
      const above = new Set(pinned.cards.map(({ id }) => id));
      const rest = isFirst ? found.memos.filter((memo) => !above.has(idOf(memo))) : found.memos;
      const shown = await render(c, rest, toCard, PAGE_BYTES, pinned.bytes);
      const cards = isFirst ? shown.cards : withoutPinned(shown.cards, view, search);

      const person = pseudonymOf(userId);
      const memo = editing === undefined ? undefined : parseMemo(editing);
      const editor = memo && <Editor site={site} person={person} memo={memo} view={view} />;
      const isShown = [...pinned.cards, ...cards].some(({ id }) => id === memo?.id);
      const toItem = ({ id, item }: Card) =>
        editor && id === memo?.id ? renderItem(editor) : item;
      return answerPage(
        c,
        <Home
          site={site}
          reader={{ name: name ?? site.t.member, person }}
          newKey={crypto.randomUUID()}
          pinned={pinned.cards.length}
          memos={cards.length}
          editor={isShown ? undefined : editor}
          view={view}
          search={search}
          next={shown.next ?? found.next}
          lastPinned={isFirst ? pinned.cards.at(-1)?.id : view.pinned}
          notice={notice}
        />,
        { items: { pinned: pinned.cards.map(toItem), memos: cards.map(toItem) } },
      );
    },

    /** Only the older memos, to be added below others. */
    async older(c: Context<Env>, view: View): Promise<Response> {
      const site = c.get('site');
      const search = createSearch(view.q ?? '');
      const found = await read(c, view, search);
      const shown = search ? { q: view.q } : {};
      const toCard = createCards(site, view, { shown, search, pause: pauseFor(c) });
      const { cards, next } = await render(c, found.memos, toCard, PAGE_BYTES);
      const items = { memos: withoutPinned(cards, view, search).map(({ item }) => item) };
      return answerPage(
        c,
        <Cards site={site} view={shown} next={next ?? found.next} lastPinned={view.pinned} />,
        { items },
      );
    },
  };
}

export type HomePages = ReturnType<typeof createHome>;

/** Pauses for others, and ends the work when its reader has left. */
export const pauseFor = (c: Context<Env>) => takeTurns(() => c.req.raw.signal.aborted);

/**
 * Renders memos until they are as much as a page may be; at least one, so that the next page goes on.
 * @param taken what else is on the page, in bytes
 * @returns their cards, what they take, and the cursor of what is left, if anything is
 */
export async function render(
  c: Context<Env>,
  memos: Uint8Array[],
  toCard: (stored: Uint8Array) => Card | Promise<Card>,
  limit: number,
  taken = 0,
): Promise<{ cards: Card[]; bytes: number; next?: number }> {
  const cards: Card[] = [];
  let bytes = taken;
  for (const stored of memos) {
    const card = toCard(stored);
    const made = card instanceof Promise ? await card : card;
    if (cards.length > 0 && bytes + made.item.byteLength > limit) {
      return { cards, bytes, next: cards.at(-1)!.cursor };
    }
    cards.push(made);
    bytes += made.item.byteLength;
    c.get('flight').hold(bytes);
  }
  return { cards, bytes };
}

/** On a page that goes on below another: those that stand above as pinned are not shown twice. */
const withoutPinned = (cards: Card[], { pinned }: View, search: Search | undefined) =>
  search || pinned === undefined ? cards : cards.filter(({ id, pin }) => !pin || id < pinned);
