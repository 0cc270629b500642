import { raw } from 'hono/html';
import type { PageContext } from '../http/page-context.ts';
import { href } from './href.ts';
import { Layout, type Reader } from './layout.tsx';
import { NoticeContent } from './notice.tsx';

export interface TrashProps {
  page: PageContext;
  reader: Reader;
  /** the items, the last deleted first, as HTML */
  memos: string;
  /** how many memos would be deleted, if the page asks whether to empty the trash; 0: it does not */
  toEmpty: number;
  /** the cursor of this page; undefined: the first */
  before?: number;
  /** the cursor of the next page, if there is one */
  next?: number;
  /** what was just done, for screen readers */
  done?: string;
}

/** The page of the memos that were deleted in the last 30 days. */
export function Trash({ page, reader, memos, toEmpty, before, next, done }: TrashProps) {
  const { t } = page;
  return (
    <Layout
      page={page}
      title={t.trash}
      reader={reader}
      notice={done && <NoticeContent page={page} notice={{ done }} query={{}} />}
    >
      <main id="main" tabindex={-1} data-live hx-history-elt>
        <h1>{t.trash}</h1>
        <p class="hint">{t.trashHint}</p>
        {toEmpty > 0 && (
          <form class="notice" method="post" action={href(page, '/trash/empty')}>
            <span role="alert">{t.emptyConfirm(toEmpty)}</span>
            <span class="actions">
              <a class="quiet" href={href(page, '/trash')}>
                {t.cancel}
              </a>
              <button type="submit">{t.emptyTrash}</button>
            </span>
          </form>
        )}
        {toEmpty === 0 && memos !== '' && (
          <p>
            <a class="quiet" href={href(page, '/trash?confirm=1')}>
              {t.emptyTrash}
            </a>
          </p>
        )}
        {memos === '' && <p class="empty">{before === undefined ? t.trashEmpty : t.noMore}</p>}
        <ul class="cards">
          {raw(memos)}
          {next !== undefined && (
            <li class="older">
              <a href={href(page, `/trash?before=${next}`)} hx-swap="outerMorph show:top">
                {t.older}
              </a>
            </li>
          )}
        </ul>
        <nav class="pages">
          {before !== undefined && (
            <a href={href(page, '/trash')} hx-swap="outerMorph show:top">
              {t.newest}
            </a>
          )}
          <a href={href(page, '/')} hx-swap="outerMorph show:top">
            {t.back}
          </a>
        </nav>
      </main>
    </Layout>
  );
}
