import type { PageContext } from '../http/page-context.ts';
import { QUERY_LENGTH } from '../memo/bounds.ts';

/** The part of a person's memos that a page shows: in its address, and in its forms, to come back. */
export interface ListQuery {
  /** the cursor: only older memos */
  before?: number;
  /** the oldest memo that the page has loaded below its first part */
  through?: number;
  /** the search query */
  q?: string;
  /** the memo that is being edited */
  edit?: number;
  /** the oldest pinned memo above the list: the list leaves out memos that are pinned above */
  pinned?: number;
}

/** A positive safe integer in decimal digits; undefined for anything else. */
export function readId(value: string | undefined): number | undefined {
  const id = value !== undefined && /^[1-9]\d{0,15}$/.test(value) ? Number(value) : 0;
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/** The list query of query parameters or form fields; values that are not ids are ignored. */
export function readListQuery(fields: ReadonlyMap<string, string>): ListQuery {
  const id = (name: string) => readId(fields.get(name));
  return {
    before: id('before'),
    through: id('through'),
    q: readQuery(fields.get('q')),
    edit: id('edit'),
    pinned: id('pinned'),
  };
}

/** The search query, cut to `QUERY_LENGTH` code points; undefined if it is empty. */
export function readQuery(value: string | undefined): string | undefined {
  // Cut before it is split: a code point has two units at most.
  const start = value?.slice(0, 2 * QUERY_LENGTH) ?? '';
  return [...start].slice(0, QUERY_LENGTH).join('') || undefined;
}

/** The id of the form that the buttons of all cards belong to: one form instead of fifty. */
export const LIST_FORM = 'list';

export function ListForm({ query }: { query: ListQuery }) {
  // `queue all`: the second of two quick presses must not be dropped.
  return (
    <form id={LIST_FORM} method="post" hx-sync="this:queue all">
      <ListQueryFields query={query} />
    </form>
  );
}

/** Hidden fields with the list query, for the response to a form. */
export function ListQueryFields({ query }: { query: ListQuery }) {
  const fields = { before: query.before, through: query.through, q: query.q, pinned: query.pinned };
  return (
    <>
      {Object.entries(fields).map(
        ([name, value]) =>
          value !== undefined && <input type="hidden" name={name} value={String(value)} />,
      )}
    </>
  );
}

/** The query string of a list query. */
export function queryString(query: ListQuery & { deleted?: number }): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return search.size > 0 ? `?${search}` : '';
}

/** The address of the page with this list query. */
export function pageHref(
  page: Pick<PageContext, 'prefix'>,
  query: ListQuery & { deleted?: number },
): string {
  return `${page.prefix}/${queryString(query)}`;
}
