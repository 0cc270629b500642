import type { Context } from 'hono';
import { answerPage } from '../answer.ts';
import type { Dependencies, Env } from '../env.ts';
import { idOf, parseMemo } from '../memos.ts';
import { type Card, createCardCache, renderItem } from '../pages/card-cache.tsx';
import { Editor } from '../pages/composer.tsx';
import { Cards, Home } from '../pages/home.tsx';
import type { Notice } from '../pages/notice.tsx';
import { pageHref, type View } from '../pages/view.tsx';
import { createSearch } from '../search.ts';
import { pseudonymOf } from '../sessions.ts';
import { mapInTurns } from '../turns.ts';

const PAGE_SIZE = 50; // memos

/** The most that one page goes on to, when its reader has gone down far. */
const THROUGH_LIMIT = 1000; // memos
const THROUGH_LENGTH = 1024 * 1024; // bytes

/** Shows a person's memos: the routes that end on the page share this. */
export function createHome({ memos, sessions }: Pick<Dependencies, 'memos' | 'sessions'>) {
  const createCards = createCardCache();

  /** Those that the view is of, newest first, without those that are pinned. */
  async function read(c: Context<Env>, { before, through, q = '' }: View) {
    const { userId } = c.get('session')!;
    const search = createSearch(q);
    const part = (cursor?: number) =>
      search
        ? memos.search(userId, search.matches, PAGE_SIZE, cursor, c.req.raw.signal)
        : memos.page(userId, PAGE_SIZE, cursor);
    const [pinned, first] = await Promise.all([search ? [] : memos.pinned(userId), part(before)]);
    const stored = first.memos;
    let { next } = first;
    let length = 0;
    while (
      next !== undefined &&
      through !== undefined &&
      next > through &&
      stored.length < THROUGH_LIMIT &&
      length < THROUGH_LENGTH
    ) {
      const more = await part(next);
      for (const memo of more.memos) length += memo.byteLength;
      stored.push(...more.memos);
      next = more.next;
    }
    // By their ids: one that is changed between the two looks is another text in each.
    const above = new Set(pinned.map(idOf));
    return {
      search,
      pinned: before === undefined ? pinned : [],
      memos: above.size > 0 ? stored.filter((memo) => !above.has(idOf(memo))) : stored,
      next,
    };
  }

  return {
    /**
     * The page. A memo that is to be edited and is not there any more is not.
     * @param notice what was done; htmx gets the page's address, too
     */
    async page(c: Context<Env>, asked: View, notice?: Notice): Promise<Response> {
      const site = c.get('site');
      const { userId } = c.get('session')!;
      const [name, list, editing] = await Promise.all([
        sessions.nameOf(userId),
        read(c, asked),
        asked.edit === undefined ? undefined : memos.find(userId, asked.edit),
      ]);
      const view = {
        ...asked,
        q: list.search && asked.q,
        edit: editing === undefined ? undefined : asked.edit,
      };
      if (notice && site.fragment) c.get('headers')['HX-Replace-Url'] = pageHref(site, view);
      const toCard = createCards(site, view, { search: list.search });
      const [pinned, cards] = [
        await mapInTurns(list.pinned, toCard),
        await mapInTurns(list.memos, toCard),
      ];
      const person = pseudonymOf(userId);
      const memo = editing === undefined ? undefined : parseMemo(editing);
      const editor = memo && <Editor site={site} person={person} memo={memo} view={view} />;
      const isShown = [...pinned, ...cards].some(({ id }) => id === memo?.id);
      const toItem = ({ id, item }: Card) =>
        editor && id === memo?.id ? renderItem(editor) : item;
      return answerPage(
        c,
        <Home
          site={site}
          reader={{ name: name ?? site.t.member, person }}
          newKey={crypto.randomUUID()}
          pinned={pinned.length}
          memos={cards.length}
          editor={isShown ? undefined : editor}
          view={view}
          search={list.search}
          next={list.next}
          notice={notice}
        />,
        { items: { pinned: pinned.map(toItem), memos: cards.map(toItem) } },
      );
    },

    /** Only the older memos, to be added below others. */
    async older(c: Context<Env>, view: View): Promise<Response> {
      const site = c.get('site');
      const { search, memos, next } = await read(c, view);
      const shown = search ? { q: view.q } : {};
      const cards = await mapInTurns(memos, createCards(site, view, { shown, search }));
      const items = { memos: cards.map(({ item }) => item) };
      return answerPage(c, <Cards site={site} view={shown} next={next} />, { items });
    },
  };
}

export type HomePages = ReturnType<typeof createHome>;
