import type { Site } from '../http/env.ts';
import type { Problem } from '../http/problem.ts';
import { href, LoginButton } from './layout.tsx';
import { type View, ViewFields } from './list-query.tsx';

/** What is said about what was just done: a memo that can come back, or words for whoever hears. */
export type Notice = { removed: number } | { done: string };

export function NoticeContent({ site, notice, view }: { site: Site; notice: Notice; view: View }) {
  const { t } = site;
  if ('done' in notice) return <span class="visually-hidden">{notice.done}</span>;
  return (
    <form
      class="notice"
      method="post"
      action={href(site, `/memo/${notice.removed}/restore`)}
      data-fades
    >
      <ViewFields view={view} />
      <span>{t.removed}</span>
      <button class="quiet" type="submit" data-key="u" autofocus>
        {t.undo}
      </button>
    </form>
  );
}

/** Why something was not done, while the page stays as it is. */
export function ProblemNotice({ site, problem }: { site: Site; problem: Problem }) {
  const { t } = site;
  const [title, advice] = t.problems[problem.code];
  return (
    <div class="notice" role="alert">
      <p>
        <strong>{title}</strong> {advice}
      </p>
      <p class="actions">
        {problem.code === 'logged-out' && <LoginButton site={site} />}
        <button class="quiet" type="button" data-key="close">
          {t.close}
        </button>
      </p>
    </div>
  );
}
