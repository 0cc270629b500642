import type { Site } from '../env.ts';
import { formatTime } from '../i18n.ts';
import type { Memo } from '../memos.ts';
import { href } from './layout.tsx';

/** Ids below this are no times: memos of memo.py's that nothing dates. In µs, September 2001. */
const FIRST_DATE = 1e15;

function Time({ site, micros }: { site: Site; micros: number }) {
  const ms = Math.floor(micros / 1000);
  return <time datetime={new Date(ms).toISOString()}>{formatTime(site.language, ms)}</time>;
}

/** @param before the cursor of the page that shows the card, to come back to it after a change */
export function MemoCard({ site, memo, before }: { site: Site; memo: Memo; before?: number }) {
  const { t } = site;
  const path = href(site, `/memo/${memo.id}`);
  const label = `m${memo.id}-text`;
  return (
    <article class="card" id={`m${memo.id}`} aria-labelledby={label}>
      <p class="text" id={label} dir="auto">
        {memo.text}
      </p>
      <footer>
        <span class="times">
          {memo.id >= FIRST_DATE && <Time site={site} micros={memo.id} />}
          {memo.edited !== undefined && (
            <small>{t.edited(formatTime(site.language, memo.edited / 1000))}</small>
          )}
        </span>
        <div class="actions">
          <a class="quiet" href={pageHref(site, { edit: memo.id, before })}>
            {t.edit}
          </a>
          <form method="post" action={`${path}/pin`}>
            <Cursor before={before} />
            <button class="quiet" type="submit" name="pin" value={String(!memo.pin)}>
              {memo.pin ? t.unpin : t.pin}
            </button>
          </form>
          <form method="post" action={`${path}/delete`}>
            <Cursor before={before} />
            <button class="quiet" type="submit">
              {t.remove}
            </button>
          </form>
        </div>
      </footer>
    </article>
  );
}

/** Carries the cursor of the page through a form. */
export function Cursor({ before }: { before?: number | undefined }) {
  return before === undefined ? null : <input type="hidden" name="before" value={String(before)} />;
}

/** The page's address with the query that shows something particular. */
export function pageHref(
  site: Pick<Site, 'prefix'>,
  query: { before?: number | undefined; edit?: number; deleted?: number },
): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `${site.prefix}/${search.size > 0 ? `?${search}` : ''}`;
}
