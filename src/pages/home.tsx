import { raw } from 'hono/html';
import type { Site } from '../http/env.ts';
import type { Search } from '../memo/search.ts';
import { Composer } from './composer.tsx';
import { href, Layout, NoticePart, type Reader } from './layout.tsx';
import { ListForm, pageHref, type View, viewQuery } from './list-query.tsx';
import { type Notice, NoticeContent } from './notice.tsx';

export interface HomeProps {
  site: Site;
  reader: Reader;
  /** the idempotency key of the memo that is going to be written */
  newKey: string;
  /** items of those that are pinned, above the others, as HTML */
  pinned: string;
  /** items of the others, the newest first, as HTML */
  memos: string;
  /** of the memo that is edited, when that is not shown, as HTML */
  editor?: string | undefined;
  view: View;
  /** whether the memos were searched for */
  search?: Search | undefined;
  /** the cursor of the next page, when there is one */
  next?: number | undefined;
  /** the oldest that is shown as pinned, above the list of which this page is a part */
  lastPinned?: number | undefined;
  notice?: Notice | undefined;
}

/** The lists of the page, by their sections' headings. */
export type ListName = 'pinned' | 'memos';

/** A person's memos. */
export function Home(props: HomeProps) {
  const { site, reader, newKey, pinned, memos, editor, view, search, next, lastPinned, notice } =
    props;
  const { t } = site;
  const first = view.before === undefined;
  return (
    <Layout
      site={site}
      title={search ? t.found(view.q ?? '') : t.greeting(reader.name)}
      reader={reader}
      q={view.q}
      notice={notice && <NoticeContent site={site} notice={notice} view={view} />}
    >
      <main id="main" tabindex={-1} data-live hx-history-elt>
        <h1 class="visually-hidden">{t.greeting(reader.name)}</h1>
        {first && !search && (
          <Composer
            site={site}
            person={reader.person}
            newKey={newKey}
            isEditing={view.edit !== undefined}
          />
        )}
        <ListForm view={view} />
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
            {search ? t.found(view.q ?? '') : t.memos}
          </h2>
          {memos !== '' || pinned !== '' || next !== undefined ? (
            <ul class="cards" data-list={'memos' satisfies ListName}>
              <Cards site={site} memos={memos} view={view} next={next} lastPinned={lastPinned} />
            </ul>
          ) : (
            <p class="empty">{search ? t.nothingFound : first ? t.empty : t.noMore}</p>
          )}
        </section>
        <nav class="pages" aria-label={t.memos}>
          {!first && (
            <a href={pageHref(site, { q: view.q })} hx-swap="outerMorph show:top">
              {t.newest}
            </a>
          )}
          {search && (
            <a href={href(site, '/')} hx-swap="outerMorph show:top">
              {t.clearSearch}
            </a>
          )}
          {site.frame.places}
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
  site,
  id,
  list,
  item,
  view,
  notice,
}: {
  site: Site;
  id: number;
  list: ListName;
  item: string;
  view: View;
  notice: Notice;
}) {
  return (
    <>
      <hx-card data-memo={String(id)} data-list={list}>
        {raw(item)}
      </hx-card>
      <NoticePart>
        <NoticeContent site={site} notice={notice} view={view} />
      </NoticePart>
    </>
  );
}

export interface CardsProps {
  site: Site;
  /** items, as HTML */
  memos: string;
  view: View;
  next?: number | undefined;
  lastPinned?: number | undefined;
}

/** Items of a list of memos; the last leads to older ones, which the script puts into its place. */
export function Cards({ site, memos, view, next, lastPinned }: CardsProps) {
  const { q } = view;
  const older = { q, before: next, pinned: q === undefined ? lastPinned : undefined };
  return (
    <>
      {raw(memos)}
      {next !== undefined && (
        <li class="older">
          <a
            href={pageHref(site, older)}
            hx-get={href(site, '/memo') + viewQuery(older)}
            hx-trigger="click, intersect once rootMargin:800px"
            hx-target="closest li"
            hx-swap="outerHTML show:none"
            hx-push-url="false"
          >
            {site.t.older}
          </a>
        </li>
      )}
    </>
  );
}
