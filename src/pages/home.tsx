import type { Site } from '../env.ts';
import type { Memo } from '../memos.ts';
import { Header, href, Layout } from './layout.tsx';
import { Cursor, MemoCard, pageHref } from './memo-card.tsx';
import { TextArea } from './text-area.tsx';

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
  /** the cursor that this page was asked with; undefined on the first */
  before?: number | undefined;
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
  before,
  next,
  deleted,
}: HomeProps) {
  const { t } = site;
  const cards = (list: Memo[]) => (
    <ul class="cards">
      {list.map((memo) => (
        <li>
          <MemoCard site={site} memo={memo} before={before} />
        </li>
      ))}
    </ul>
  );
  return (
    <Layout site={site} title={t.greeting(name)}>
      <Header site={site} name={name} />
      <main id="main">
        <h1 class="visually-hidden">{t.greeting(name)}</h1>
        {deleted !== undefined && <Removed site={site} id={deleted} before={before} />}
        {before === undefined && <Composer site={site} person={person} newKey={newKey} />}
        {pinned.length > 0 && (
          <section aria-labelledby="pinned">
            <h2 id="pinned">{t.pinned}</h2>
            {cards(pinned)}
          </section>
        )}
        <section aria-labelledby="memos">
          <h2 id="memos" class={pinned.length > 0 ? undefined : 'visually-hidden'}>
            {t.memos}
          </h2>
          {memos.length > 0 && cards(memos)}
          {memos.length === 0 && before !== undefined && next === undefined && (
            <p class="empty">{t.noMore}</p>
          )}
          {memos.length === 0 && before === undefined && pinned.length === 0 && (
            <p class="empty">{t.empty}</p>
          )}
        </section>
        <nav class="pages" aria-label={t.memos}>
          {before !== undefined && <a href={pageHref(site, {})}>{t.newest}</a>}
          {next !== undefined && <a href={pageHref(site, { before: next })}>{t.older}</a>}
        </nav>
      </main>
    </Layout>
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

function Removed({ site, id, before }: { site: Site; id: number; before?: number | undefined }) {
  const { t } = site;
  return (
    <form class="notice" method="post" action={href(site, `/memo/${id}/restore`)}>
      <Cursor before={before} />
      <span role="status">{t.removed}</span>
      <button class="quiet" type="submit" autofocus>
        {t.undo}
      </button>
    </form>
  );
}
