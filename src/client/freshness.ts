/**
 * Whether the page shows what the server has, as one state machine without DOM.
 *
 * A change of the reader's own is shown by its response. Everything else is shown by a refresh, a GET
 * of the whole page. A refresh never runs beside a change: its response could be older than the
 * change's and take the place of it.
 */
export interface Freshness {
  /** Whether the page may lack something that no request under way is going to show. */
  isStale: boolean;
  /** The reader's changes that are under way. */
  changes: Set<object>;
  /** Of the refresh; `overtaken` when a change began after it, so that its page is too old. */
  status: 'idle' | 'sending' | 'overtaken';
}

export const createFreshness = (): Freshness => ({
  isStale: false,
  changes: new Set(),
  status: 'idle',
});

/** Whether it is time to request the page. */
export const needsRefresh = ({ isStale, changes, status }: Freshness) =>
  isStale && status === 'idle' && changes.size === 0;

export function beginChange(state: Freshness, change: object): void {
  state.changes.add(change);
  if (state.status === 'sending') state.status = 'overtaken';
}

export function beginRefresh(state: Freshness): void {
  state.status = 'sending';
  state.isStale = false;
}

/**
 * The refresh's response has come.
 * @param isBlocked whether the page must not change now, e.g. because of a composition
 * @returns whether it may be shown; otherwise the page is stale still
 */
export function admitRefresh(state: Freshness, isBlocked: boolean): boolean {
  const isAdmitted = state.status === 'sending' && !isBlocked;
  state.status = 'idle';
  state.isStale ||= !isAdmitted;
  return isAdmitted;
}

/**
 * The refresh is over.
 * @returns whether there was a response; without one, the page is stale until there is a reason to try again
 */
export function endRefresh(state: Freshness): boolean {
  const isAnswered = state.status === 'idle';
  state.status = 'idle';
  state.isStale ||= !isAnswered;
  return isAnswered;
}
