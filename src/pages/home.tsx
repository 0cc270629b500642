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
  /** the idempotency key of the memo that is going to be written */
  newKey: string;
  /** items of those that are pinned, above the others, as HTML */
  pinned: string;
  /** items of the others, the newest first, as HTML */
  memos: string;
  /** of the memo that is edited, when that is not shown, as HTML */
  editor?: string;
  query: ListQuery;
  /** whether the memos were searched for */
  search?: Search;
  /** the cursor of the next page, when there is one */
  next?: number;
  /** the oldest that is shown as pinned, above the list of which this page is a part */
  lastPinned?: number;
  notice?: Notice;
}

/** The lists of the page, by their sections' headings. */
export type ListName = 'pinned' | 'memos';

/** A person's memos. */
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

/**
 * A memo's card alone, which the script puts into its list, and what was done.
 * @param props.item the card as an item of the list, as HTML; empty takes it away
 */
export function CardChange({
  page,
  id,
  list,
  item,
  query,
  notice,
}: {
  page: PageContext;
  id: number;
  list: ListName;
  item: string;
  query: ListQuery;
  notice: Notice;
}) {
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
  /** items, as HTML */
  memos: string;
  query: ListQuery;
  next?: number;
  lastPinned?: number;
}

/** Items of a list of memos; the last leads to older ones, which the script puts into its place. */
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
