import type { Site } from '../env.ts';
import type { Memo } from '../memos.ts';
import { InTurns } from './in-turns.tsx';
import { href, Layout, type Reader } from './layout.tsx';
import { TrashCard } from './memo-card.tsx';
import { NoticeContent } from './notice.tsx';

export interface TrashProps {
  site: Site;
  reader: Reader;
  /** the last deleted first */
  memos: Memo[];
  /** whether to ask if it really shall be emptied */
  confirm: boolean;
  /** what was just done, for whoever hears the page */
  done?: string | undefined;
}

/** What was deleted in the last 30 days. */
export function Trash({ site, reader, memos, confirm, done }: TrashProps) {
  const { t } = site;
  return (
    <Layout
      site={site}
      title={t.trash}
      reader={reader}
      notice={done && <NoticeContent site={site} notice={{ done }} view={{}} />}
    >
      <main id="main" tabindex={-1} data-live hx-history-elt>
        <h1>{t.trash}</h1>
        <p class="hint">{t.trashHint}</p>
        {confirm && memos.length > 0 && (
          <form class="notice" method="post" action={href(site, '/trash/empty')}>
            <span role="alert">{t.emptyConfirm(memos.length)}</span>
            <span class="actions">
              <a class="quiet" href={href(site, '/trash')}>
                {t.cancel}
              </a>
              <button class="quiet" type="submit">
                {t.emptyTrash}
              </button>
            </span>
          </form>
        )}
        {!confirm && memos.length > 0 && (
          <p>
            <a class="quiet" href={href(site, '/trash?confirm=1')}>
              {t.emptyTrash}
            </a>
          </p>
        )}
        {memos.length === 0 && <p class="empty">{t.trashEmpty}</p>}
        <ul class="cards">
          <InTurns
            items={memos.map((memo) => (
              <li>
                <TrashCard site={site} memo={memo} />
              </li>
            ))}
          />
        </ul>
        <nav class="pages">
          <a href={href(site, '/')} hx-swap="outerMorph show:top">
            {t.back}
          </a>
        </nav>
      </main>
    </Layout>
  );
}
