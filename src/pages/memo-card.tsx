import { raw } from 'hono/html';
import type { Site } from '../env.ts';
import type { Memo } from '../memos.ts';
import { href } from './layout.tsx';
import { Time } from './time.tsx';
import { LIST_FORM, pageHref, type View } from './view.tsx';

/** Ids below this are no times: memos of memo.py's that nothing dates. In µs, September 2001. */
export const FIRST_DATE = 1e15;

export interface MemoCardProps {
  site: Site;
  memo: Memo;
  /** the memo's text as HTML, see `renderText` */
  text: string;
  view: View;
}

/** One memo in the list, and what can be done with it. */
export function MemoCard({ site, memo, text, view }: MemoCardProps) {
  const { t } = site;
  const path = href(site, `/memo/${memo.id}`);
  return (
    <article class="card" id={`m${memo.id}`} tabindex={-1} aria-labelledby={`m${memo.id}-text`}>
      {raw(text)}
      <footer>
        <Times site={site} memo={memo} />
        <div class="actions">
          <button class="quiet scripted" type="button" data-key="c" value={path}>
            {t.copy}
          </button>
          <a
            class="quiet"
            href={`${pageHref(site, { ...view, edit: memo.id })}#m${memo.id}`}
            data-key="e"
          >
            {t.edit}
          </a>
          <button
            class="quiet"
            type="submit"
            form={LIST_FORM}
            formaction={`${path}/pin`}
            name="pin"
            value={String(!memo.pin)}
            data-key="p"
          >
            {memo.pin ? t.unpin : t.pin}
          </button>
          <button
            class="quiet"
            type="submit"
            form={LIST_FORM}
            formaction={`${path}/delete`}
            data-key="x"
          >
            {t.remove}
          </button>
        </div>
      </footer>
    </article>
  );
}

function Times({ site, memo }: { site: Site; memo: Memo }) {
  const { t } = site;
  return (
    <span class="times">
      {memo.id >= FIRST_DATE && <Time site={site} micros={memo.id} />}
      {memo.edited !== undefined && (
        <span>
          {t.edited} <Time site={site} micros={memo.edited} />
        </span>
      )}
    </span>
  );
}

/** A memo in the trash, and its two ways out. */
export function TrashCard({
  site,
  memo,
  text,
  before,
}: Omit<MemoCardProps, 'view'> & {
  /** the cursor of the part of the trash that it is on */
  before?: number | undefined;
}) {
  const { t } = site;
  return (
    <article class="card" id={`m${memo.id}`} tabindex={-1} aria-labelledby={`m${memo.id}-text`}>
      {raw(text)}
      <footer>
        <span class="times">
          {memo.deleted !== undefined && (
            <span>
              {t.deleted} <Time site={site} micros={memo.deleted} />
            </span>
          )}
        </span>
        <div class="actions">
          <form method="post" action={href(site, `/memo/${memo.id}/restore`)}>
            <button class="quiet" type="submit">
              {t.restore}
            </button>
          </form>
          <form
            method="post"
            action={href(site, `/trash/${memo.id}/purge`)}
            hx-confirm={t.purgeConfirm}
          >
            {before !== undefined && <input type="hidden" name="before" value={String(before)} />}
            <button class="quiet" type="submit">
              {t.purge}
            </button>
          </form>
        </div>
      </footer>
    </article>
  );
}
