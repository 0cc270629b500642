import type { Site } from '../env.ts';

/** What the page shows of a person's memos; forms carry it, to come back to it. */
export interface View {
  /** the cursor of an older part */
  before?: number | undefined;
  /** what is searched for */
  q?: string | undefined;
}

/** Carries the view through a form. */
export function ViewFields({ view }: { view: View }) {
  return (
    <>
      {view.before !== undefined && (
        <input type="hidden" name="before" value={String(view.before)} />
      )}
      {view.q !== undefined && <input type="hidden" name="q" value={view.q} />}
    </>
  );
}

/** The page's address with the query that shows something particular. */
export function pageHref(
  site: Pick<Site, 'prefix'>,
  query: View & { edit?: number; deleted?: number | undefined },
): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `${site.prefix}/${search.size > 0 ? `?${search}` : ''}`;
}
