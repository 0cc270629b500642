import type { PageContext } from '../http/page-context.ts';
import type { Problem, ProblemCode } from '../http/problem.ts';
import type { Memo } from '../memo/stored-memo.ts';
import { TextArea } from './composer.tsx';
import { href } from './href.ts';
import { Layout, LoginButton } from './layout.tsx';

export interface ErrorPageProps {
  page: PageContext;
  problem: Problem;
  requestId: string;
  draft?: Draft;
}

/** The form that could not be saved, to be sent again. */
export interface Draft {
  /** the address to post it to */
  action: string;
  text: string;
  /** the other fields to send */
  fields: Map<string, string>;
  /** the memo as it is now, if it was changed elsewhere: saving replaces it */
  present?: Memo;
}

/** Problems that a login solves. */
const LOGIN_HELPS: ProblemCode[] = [
  'logged-out',
  'login-refused',
  'login-expired',
  'naver-unavailable',
];

/** The page of a problem: what went wrong, what to do next, and the text that was not saved. */
export function ErrorPage({ page, problem, requestId, draft }: ErrorPageProps) {
  const { t } = page;
  const [title, advice] = t.problems[problem.code];
  return (
    <Layout page={page} title={title}>
      <main id="main" class="error" tabindex={-1}>
        <h1>{title}</h1>
        <p>{advice}</p>
        {draft && <p>{t.textKept}</p>}
        {LOGIN_HELPS.includes(problem.code) && (
          <LoginButton page={page} newTab={draft !== undefined} />
        )}
        {draft && <DraftForm page={page} draft={draft} />}
        <nav class="pages">
          <a href={href(page, '/')}>{t.back}</a>
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

function DraftForm({ page, draft }: { page: PageContext; draft: Draft }) {
  const { t } = page;
  return (
    <form
      class={draft.present ? 'composer conflict' : 'composer'}
      id="draft"
      method="post"
      action={draft.action}
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
          <a class="quiet" href={`${href(page, '/')}#m${draft.present.id}`} data-action="cancel">
            {t.keepTheirs}
          </a>
        )}
        <button class="primary" type="submit">
          {draft.present ? t.overwrite : t.saveAgain}
        </button>
      </p>
    </form>
  );
}
