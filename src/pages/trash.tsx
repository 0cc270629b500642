import type { HtmlEscapedString } from 'hono/utils/html';
import type { Site } from '../env.ts';
import { href, Layout, type Reader } from './layout.tsx';
import { NoticeContent } from './notice.tsx';

export interface TrashProps {
  site: Site;
  reader: Reader;
  /** items of a list, the last deleted first */
  cards: HtmlEscapedString[];
  /** whether to ask if it really shall be emptied */
  confirm: boolean;
  /** what was just done, for whoever hears the page */
  done?: string | undefined;
}

/** What was deleted in the last 30 days. */
export function Trash({ site, reader, cards, confirm, done }: TrashProps) {
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
        {confirm && cards.length > 0 && (
          <form class="notice" method="post" action={href(site, '/trash/empty')}>
            <span role="alert">{t.emptyConfirm(cards.length)}</span>
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
        {!confirm && cards.length > 0 && (
          <p>
            <a class="quiet" href={href(site, '/trash?confirm=1')}>
              {t.emptyTrash}
            </a>
          </p>
        )}
        {cards.length === 0 && <p class="empty">{t.trashEmpty}</p>}
        <ul class="cards">{cards}</ul>
        <nav class="pages">
          <a href={href(site, '/')} hx-swap="outerMorph show:top">
            {t.back}
          </a>
        </nav>
      </main>
    </Layout>
  );
}
