import type { Site } from '../http/env.ts';
import type { Problem } from '../http/problem.ts';
import type { ProblemCode } from '../i18n/index.ts';
import type { Memo } from '../memo/stored-memo.ts';
import { TextArea } from './composer.tsx';
import { href, Layout, LoginButton } from './layout.tsx';

export interface ErrorPageProps {
  site: Site;
  problem: Problem;
  requestId: string;
  draft?: Draft | undefined;
}

/** What was being saved, to be shown and sent once more. */
export interface Draft {
  /** where the form was posted to */
  action: string;
  text: string;
  /** the other fields to send */
  fields: Map<string, string>;
  /** the memo as it is now, when somebody else changed it: saving replaces it */
  present?: Memo | undefined;
}

/** Where logging in is what to do next. */
const LOGIN_HELPS: ProblemCode[] = [
  'logged-out',
  'login-refused',
  'login-expired',
  'naver-unavailable',
];

/** What went wrong, what to do next, and whatever the person had written. */
export function ErrorPage({ site, problem, requestId, draft }: ErrorPageProps) {
  const { t } = site;
  const [title, advice] = t.problems[problem.code];
  return (
    <Layout site={site} title={title}>
      <main id="main" class="error" tabindex={-1}>
        <h1>{title}</h1>
        <p>{advice}</p>
        {draft && <p>{t.textKept}</p>}
        {LOGIN_HELPS.includes(problem.code) && (
          <LoginButton site={site} newTab={draft !== undefined} />
        )}
        {draft && <DraftForm site={site} draft={draft} />}
        <nav class="pages">
          <a href={href(site, '/')}>{t.back}</a>
        </nav>
        {problem.status >= 500 && (
          <p class="times">
            {t.requestId}: <code>{requestId}</code>
          </p>
        )}
      </main>
    </Layout>
  );
}

function DraftForm({ site, draft }: { site: Site; draft: Draft }) {
  const { t } = site;
  return (
    <form
      class={draft.present ? 'composer conflict' : 'composer'}
      id="draft"
      method="post"
      action={draft.action}
      hx-sync="this:drop"
      data-unsaved
    >
      {[...draft.fields].map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      {draft.present && (
        <section aria-labelledby="present">
          <h2 id="present">{t.theirText}</h2>
          <p class="text" dir="auto" tabindex={0}>
            {draft.present.text}
          </p>
        </section>
      )}
      <TextArea label={t.yourText} text={draft.text} autofocus />
      <p class="buttons">
        {draft.present && (
          <a class="quiet" href={`${href(site, '/')}#m${draft.present.id}`} data-key="cancel">
            {t.keepTheirs}
          </a>
        )}
        <button type="submit">{draft.present ? t.overwrite : t.saveAgain}</button>
      </p>
    </form>
  );
}
