import { raw } from 'hono/html';
import type { PageContext } from '../http/page-context.ts';
import { FIRST_DATE } from '../memo/bounds.ts';
import type { Memo } from '../memo/stored-memo.ts';
import { escapeText } from './escape.ts';
import { href } from './href.ts';
import { LIST_FORM } from './list-query.tsx';
import { renderTime, Time } from './time.tsx';

export interface MemoCardProps {
  page: PageContext;
  memo: Memo;
  /** the memo's text as HTML, see `renderText` */
  text: string;
}

/**
 * A memo's card in the list, as HTML. Not JSX, which would take ten times as long for the fifty cards
 * of a page. Each byte is there fifty times, so there are no classes: the script finds buttons by their
 * `formaction`, and the button to copy, which only the script uses, by having no form.
 * @param listHref the address of the page that the card is on, see `pageHref`
 */
export function renderCard({ page, memo, text }: MemoCardProps, listHref: string): string {
  const { t, prefix } = page;
  const { id, edited, pin } = memo;
  const path = `${prefix}/memo/${id}`;
  const edit = escapeText(`${listHref}${listHref.includes('?') ? '&' : '?'}edit=${id}`);
  const made = id >= FIRST_DATE ? renderTime(page, id) : '';
  // Both times are in one element, the first column of the footer.
  const times =
    edited === undefined && made !== ''
      ? made
      : `<span>${made}${edited === undefined ? '' : ` ${escapeText(t.edited)} ${renderTime(page, edited)}`}</span>`;
  const ours = `form="${LIST_FORM}" formaction="${path}`;
  return (
    `<article id="m${id}">${text}<footer>${times}` +
    `<button>${escapeText(t.copy)}</button>` +
    `<a href="${edit}">${escapeText(t.edit)}</a>` +
    `<button ${ours}/pin" name="pin" value="${!pin}">${escapeText(pin ? t.unpin : t.pin)}</button>` +
    `<button ${ours}/delete">${escapeText(t.remove)}</button></footer></article>`
  );
}

export interface TrashCardProps extends MemoCardProps {
  /** the cursor of the page of the trash that the card is on */
  before?: number;
}

/** A memo's card in the trash, with the buttons to restore it and to delete it for good. */
export function TrashCard({ page, memo, text, before }: TrashCardProps) {
  const { t } = page;
  return (
    <article id={`m${memo.id}`}>
      {raw(text)}
      <footer>
        <span>
          {memo.deleted !== undefined && (
            <>
              {t.deleted} <Time page={page} micros={memo.deleted} />
            </>
          )}
        </span>
        <div class="actions">
          <form method="post" action={href(page, `/memo/${memo.id}/restore`)}>
            <button type="submit">{t.restore}</button>
          </form>
          <form
            method="post"
            action={href(page, `/trash/${memo.id}/purge`)}
            hx-confirm={t.purgeConfirm}
          >
            {before !== undefined && <input type="hidden" name="before" value={String(before)} />}
            <button type="submit">{t.purge}</button>
          </form>
        </div>
      </footer>
    </article>
  );
}
