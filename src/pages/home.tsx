import { raw } from 'hono/html';
import type { PageContext } from '../http/page-context.ts';
import type { Search } from '../memo/search.ts';
import { Composer } from './composer.tsx';
import { href } from './href.ts';
import { Layout, NoticePart, nameOf, type Reader } from './layout.tsx';
import { ListForm, type ListQuery, pageHref, queryString } from './list-query.tsx';
import { type Notice, NoticeContent } from './notice.tsx';
import { Places } from './static-parts.tsx';

export interface HomeProps {
  page: PageContext;
  reader: Reader;
  /** the idempotency key of the new memo */
  newKey: string;
  /** the items of the pinned memos, as HTML */
  pinned: string;
  /** the items of the other memos, newest first, as HTML */
  memos: string;
  /** the editor as HTML, if its memo is not in the lists */
  editor?: string;
  query: ListQuery;
  /** the search that found the memos */
  search?: Search;
  /** the cursor of the next page, if there is one */
  next?: number;
  /** the id of the oldest memo among the pinned ones on the first page */
  lastPinned?: number;
  notice?: Notice;
}

/** The lists of the page, named after the ids of their headings. */
export type ListName = 'pinned' | 'memos';

/** The page of a person's memos. */
export function Home(props: HomeProps) {
  const { page, reader, newKey, pinned, memos, editor, query, search, next, lastPinned, notice } =
    props;
  const { t } = page;
  const greeting = t.greeting(nameOf(page, reader));
  const first = query.before === undefined;
  return (
    <Layout
      page={page}
      title={search ? t.found(query.q ?? '') : greeting}
      reader={reader}
      q={query.q}
      notice={notice && <NoticeContent page={page} notice={notice} query={query} />}
    >
      <main id="main" tabindex={-1} data-live hx-history-elt>
        <h1 class="visually-hidden">{greeting}</h1>
        {first && !search && (
          <Composer
            page={page}
            person={reader.person}
            newKey={newKey}
            isEditing={query.edit !== undefined}
          />
        )}
        <ListForm query={query} />
        {editor && <section aria-label={t.editMemo}>{raw(editor)}</section>}
        {pinned !== '' && (
          <section aria-labelledby="pinned">
            <h2 id="pinned">{t.pinned}</h2>
            <ul class="cards" data-list={'pinned' satisfies ListName}>
              {raw(pinned)}
            </ul>
          </section>
        )}
        <section aria-labelledby="memos">
          <h2 id="memos" class={pinned !== '' || search ? undefined : 'visually-hidden'}>
            {search ? t.found(query.q ?? '') : t.memos}
          </h2>
          {memos !== '' || pinned !== '' || next !== undefined ? (
            <ul class="cards" data-list={'memos' satisfies ListName}>
              <Cards page={page} memos={memos} query={query} next={next} lastPinned={lastPinned} />
            </ul>
          ) : (
            <p class="empty">{search ? t.nothingFound : first ? t.empty : t.noMore}</p>
          )}
        </section>
        <nav class="pages" aria-label={t.memos}>
          {!first && (
            <a href={pageHref(page, { q: query.q })} hx-swap="outerMorph show:top">
              {t.newest}
            </a>
          )}
          {search && (
            <a href={href(page, '/')} hx-swap="outerMorph show:top">
              {t.clearSearch}
            </a>
          )}
          <Places page={page} />
        </nav>
      </main>
    </Layout>
  );
}

export interface CardChangeProps {
  page: PageContext;
  id: number;
  list: ListName;
  /** the card in an item of the list, as HTML; empty: the card is removed */
  item: string;
  query: ListQuery;
  notice: Notice;
}

/** One memo's card, which the script puts into its list, and the notice of what was done. */
export function CardChange({ page, id, list, item, query, notice }: CardChangeProps) {
  return (
    <>
      <hx-card data-memo={String(id)} data-list={list}>
        {raw(item)}
      </hx-card>
      <NoticePart>
        <NoticeContent page={page} notice={notice} query={query} />
      </NoticePart>
    </>
  );
}

export interface CardsProps {
  page: PageContext;
  /** the items as HTML */
  memos: string;
  query: ListQuery;
  /** see {@link HomeProps} */
  next?: number;
  lastPinned?: number;
}

/** The items of a list of memos. The last one is a link to older memos, which htmx replaces by them. */
export function Cards({ page, memos, query, next, lastPinned }: CardsProps) {
  const { q } = query;
  const older = { q, before: next, pinned: q === undefined ? lastPinned : undefined };
  return (
    <>
      {raw(memos)}
      {next !== undefined && (
        <li class="older">
          <a
            href={pageHref(page, older)}
            hx-get={href(page, '/memo') + queryString(older)}
            hx-trigger="click, intersect once rootMargin:800px"
            hx-target="closest li"
            hx-swap="outerHTML show:none"
            hx-push-url="false"
          >
            {page.t.older}
          </a>
        </li>
      )}
    </>
  );
}
