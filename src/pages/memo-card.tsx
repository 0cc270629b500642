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
 * One memo in the list, and what can be done with it, as HTML. Not JSX: of the fifty on a page, that
 * would take ten times as long. Each byte is there fifty times: the script finds the parts by what
 * they do, and the button to copy, which belongs to no form, is only for it.
 * @param listHref the address of the page that the card is on, see `pageHref`
 */
export function renderCard({ page, memo, text }: MemoCardProps, listHref: string): string {
  const { t, prefix } = page;
  const { id, edited, pin } = memo;
  const path = `${prefix}/memo/${id}`;
  const edit = escapeText(`${listHref}${listHref.includes('?') ? '&' : '?'}edit=${id}`);
  const made = id >= FIRST_DATE ? renderTime(page, id) : '';
  // The times are one element, in the first column.
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

/** A memo in the trash, and its two ways out. */
export function TrashCard({
  page,
  memo,
  text,
  before,
}: MemoCardProps & {
  /** the cursor of the part of the trash that it is on */
  before?: number;
}) {
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
