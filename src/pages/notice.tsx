import type { PageContext } from '../http/page-context.ts';
import type { Problem } from '../http/problem.ts';
import { href } from './href.ts';
import { LoginButton } from './layout.tsx';
import { type ListQuery, ListQueryFields } from './list-query.tsx';

/** What was just done: a deletion that can be undone, or a text for screen readers. */
export type Notice = { removed: number } | { done: string };

export interface NoticeContentProps {
  page: PageContext;
  notice: Notice;
  query: ListQuery;
}

export function NoticeContent({ page, notice, query }: NoticeContentProps) {
  const { t } = page;
  if ('done' in notice) return <span class="visually-hidden">{notice.done}</span>;
  return (
    <form
      class="notice"
      method="post"
      action={href(page, `/memo/${notice.removed}/restore`)}
      data-fades
    >
      <ListQueryFields query={query} />
      <span>{t.removed}</span>
      <button type="submit" data-action="undo" autofocus>
        {t.undo}
      </button>
    </form>
  );
}

/** A problem, on a page that stays as it is. */
export function ProblemNotice({ page, problem }: { page: PageContext; problem: Problem }) {
  const { t } = page;
  const [title, advice] = t.problems[problem.code];
  return (
    <div class="notice" role="alert">
      <p>
        <strong>{title}</strong> {advice}
      </p>
      <p class="actions">
        {problem.code === 'logged-out' && <LoginButton page={page} />}
        <button type="button" data-action="close">
          {t.close}
        </button>
      </p>
    </div>
  );
}
