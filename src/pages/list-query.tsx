import type { PageContext } from '../http/page-context.ts';
import { QUERY_LENGTH } from '../memo/bounds.ts';

/** What the page shows of a person's memos; its address says so, and forms carry it, to come back. */
export interface ListQuery {
  /** the cursor of an older part */
  before?: number;
  /** the oldest memo that has been loaded, when the reader has gone on below the first part */
  through?: number;
  /** what is searched for */
  q?: string;
  /** the memo that is being edited */
  edit?: number;
  /** the oldest of the pinned memos that are shown above the list: the list goes on without them */
  pinned?: number;
}

/** A positive whole number that JSON can hold, written plainly; undefined for anything else. */
export function readId(value: string | undefined): number | undefined {
  const id = value !== undefined && /^[1-9]\d{0,15}$/.test(value) ? Number(value) : 0;
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/** The view that query parameters or form fields name; what is no id is left out. */
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

/** What is searched for, cut to `QUERY_LENGTH`; undefined: nothing. */
export function readQuery(value: string | undefined): string | undefined {
  // Not all of a long one is taken apart.
  const start = value?.slice(0, 2 * QUERY_LENGTH) ?? '';
  return [...start].slice(0, QUERY_LENGTH).join('') || undefined;
}

/** The form that all buttons of the list's cards belong to, so that the view stands there once. */
export const LIST_FORM = 'list';

export function ListForm({ query }: { query: ListQuery }) {
  // In order, as pressed: the second of two quick presses must not be dropped.
  return (
    <form id={LIST_FORM} method="post" hx-sync="this:queue all">
      <ListQueryFields query={query} />
    </form>
  );
}

/** Carries the view through a form. */
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

/** The query that shows something particular of a person's memos. */
export function queryString(query: ListQuery & { deleted?: number | undefined }): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return search.size > 0 ? `?${search}` : '';
}

/** The page's address, with the query that shows something particular. */
export function pageHref(
  page: Pick<PageContext, 'prefix'>,
  query: ListQuery & { deleted?: number | undefined },
): string {
  return `${page.prefix}/${queryString(query)}`;
}
