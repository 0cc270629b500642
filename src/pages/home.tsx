import type { Site } from '../env.ts';
import type { Memo } from '../memos.ts';
import { QUERY_LIMIT, type Search } from '../search.ts';
import { Header, href, Layout } from './layout.tsx';
import { MemoCard } from './memo-card.tsx';
import { TextArea } from './text-area.tsx';
import { pageHref, type View, ViewFields } from './view.tsx';

export interface HomeProps {
  site: Site;
  name: string;
  /** see `pseudonymOf` */
  person: string;
  /** the idempotency key of the memo that is going to be written */
  newKey: string;
  /** shown on the first page only */
  pinned: Memo[];
  /** newest first, without those in `pinned` */
  memos: Memo[];
  view: View;
  /** marks what was found, when something is searched for */
  search?: Search | undefined;
  /** the cursor of the next page, when there is one */
  next?: number | undefined;
  /** a memo that was just deleted and can come back */
  deleted?: number | undefined;
}

/** A person's memos. */
export function Home({
  site,
  name,
  person,
  newKey,
  pinned,
  memos,
  view,
  search,
  next,
  deleted,
}: HomeProps) {
  const { t } = site;
  const cards = (list: Memo[]) => (
    <ul class="cards">
      {list.map((memo) => (
        <li>
          <MemoCard site={site} memo={memo} view={view} marks={search?.find(memo.text)} />
        </li>
      ))}
    </ul>
  );
  const first = view.before === undefined;
  return (
    <Layout site={site} title={search ? t.found(view.q ?? '') : t.greeting(name)}>
      <Header site={site} name={name} />
      <SearchForm site={site} q={view.q} />
      <main id="main">
        <h1 class="visually-hidden">{t.greeting(name)}</h1>
        {deleted !== undefined && <Removed site={site} id={deleted} view={view} />}
        {first && !search && <Composer site={site} person={person} newKey={newKey} />}
        {pinned.length > 0 && (
          <section aria-labelledby="pinned">
            <h2 id="pinned">{t.pinned}</h2>
            {cards(pinned)}
          </section>
        )}
        <section aria-labelledby="memos">
          <h2 id="memos" class={pinned.length > 0 || search ? undefined : 'visually-hidden'}>
            {search ? t.found(view.q ?? '') : t.memos}
          </h2>
          {memos.length > 0 && cards(memos)}
          {memos.length === 0 && pinned.length === 0 && next === undefined && (
            <p class="empty">{search ? t.nothingFound : first ? t.empty : t.noMore}</p>
          )}
        </section>
        <nav class="pages" aria-label={t.memos}>
          {!first && <a href={pageHref(site, { q: view.q })}>{t.newest}</a>}
          {next !== undefined && <a href={pageHref(site, { ...view, before: next })}>{t.older}</a>}
          <a href={href(site, '/trash')}>{t.trash}</a>
        </nav>
      </main>
    </Layout>
  );
}

function SearchForm({ site, q }: { site: Site; q?: string | undefined }) {
  const { t } = site;
  return (
    <search>
      <form class="search" method="get" action={href(site, '/')}>
        <input
          type="search"
          name="q"
          value={q}
          aria-label={t.search}
          placeholder={t.search}
          maxlength={QUERY_LIMIT}
          enterkeyhint="search"
        />
        <button class="quiet" type="submit">
          {t.searchButton}
        </button>
        {q !== undefined && (
          <a class="quiet" href={href(site, '/')}>
            {t.clearSearch}
          </a>
        )}
      </form>
    </search>
  );
}

function Composer({ site, person, newKey }: { site: Site; person: string; newKey: string }) {
  const { t } = site;
  return (
    <form class="composer" method="post" action={href(site, '/memo')}>
      <input type="hidden" name="person" value={person} />
      <input type="hidden" name="key" value={newKey} />
      <TextArea label={t.newMemo} text="" placeholder={t.placeholder} autofocus />
      <p class="buttons">
        <button type="submit">{t.save}</button>
      </p>
    </form>
  );
}

function Removed({ site, id, view }: { site: Site; id: number; view: View }) {
  const { t } = site;
  return (
    <form class="notice" method="post" action={href(site, `/memo/${id}/restore`)}>
      <ViewFields view={view} />
      <span role="status">{t.removed}</span>
      <button class="quiet" type="submit" autofocus>
        {t.undo}
      </button>
    </form>
  );
}
