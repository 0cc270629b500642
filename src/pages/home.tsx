import type { Child } from 'hono/jsx';
import type { Site } from '../env.ts';
import type { Memo } from '../memos.ts';
import type { Search } from '../search.ts';
import { Composer, Editor } from './composer.tsx';
import { InTurns } from './in-turns.tsx';
import { href, Layout, type Reader } from './layout.tsx';
import { MemoCard } from './memo-card.tsx';
import { type Notice, NoticeContent } from './notice.tsx';
import { pageHref, type View, viewQuery } from './view.tsx';

export interface HomeProps {
  site: Site;
  reader: Reader;
  /** the idempotency key of the memo that is going to be written */
  newKey: string;
  /** shown on the first page only */
  pinned: Memo[];
  /** newest first, without those in `pinned` */
  memos: Memo[];
  /** the one that is edited, in its place or, when that is not shown, above the others */
  editing?: Memo | undefined;
  view: View;
  /** marks what was found, when something is searched for */
  search?: Search | undefined;
  /** the cursor of the next page, when there is one */
  next?: number | undefined;
  notice?: Notice | undefined;
}

/** A person's memos. */
export function Home(props: HomeProps) {
  const { site, reader, newKey, pinned, memos, editing, view, search, next, notice } = props;
  const { t } = site;
  const first = view.before === undefined;
  const isShown = [...pinned, ...memos].some(({ id }) => id === editing?.id);
  const editor = editing && (
    <Editor site={site} person={reader.person} memo={editing} view={view} />
  );
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
        {first && !search && <Composer site={site} person={reader.person} newKey={newKey} />}
        {!isShown && editor && <section aria-label={t.editMemo}>{editor}</section>}
        {pinned.length > 0 && (
          <section aria-labelledby="pinned">
            <h2 id="pinned">{t.pinned}</h2>
            <ul class="cards">
              <Cards site={site} memos={pinned} view={view} editing={editing} editor={editor} />
            </ul>
          </section>
        )}
        <section aria-labelledby="memos">
          <h2 id="memos" class={pinned.length > 0 || search ? undefined : 'visually-hidden'}>
            {search ? t.found(view.q ?? '') : t.memos}
          </h2>
          {memos.length + pinned.length > 0 || next !== undefined ? (
            <ul class="cards">
              <Cards
                site={site}
                memos={memos}
                view={view}
                search={search}
                next={next}
                editing={editing}
                editor={editor}
              />
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
          <a href={href(site, '/trash')} hx-swap="outerMorph show:top">
            {t.trash}
          </a>
          <a href={href(site, '/sessions')} hx-swap="outerMorph show:top">
            {t.sessions}
          </a>
        </nav>
      </main>
    </Layout>
  );
}

export interface CardsProps {
  site: Site;
  memos: Memo[];
  view: View;
  search?: Search | undefined;
  next?: number | undefined;
  editing?: Memo | undefined;
  editor?: Child;
}

/** Items of a list of memos; the last leads to older ones, which the script puts into its place. */
export function Cards({ site, memos, view, search, next, editing, editor }: CardsProps) {
  const older = { ...view, edit: undefined, through: undefined, before: next };
  return (
    <>
      <InTurns
        items={memos.map((memo) => (
          <li>
            {memo.id === editing?.id ? (
              editor
            ) : (
              <MemoCard site={site} memo={memo} view={view} search={search} />
            )}
          </li>
        ))}
      />
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
