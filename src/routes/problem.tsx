/** Responses to requests that failed, in the form that the client can read. */
import type { Context } from 'hono';
import type { Env } from '../http/env.ts';
import type { Log } from '../http/log.ts';
import { acceptsType } from '../http/negotiate.ts';
import { Problem, type ProblemCode, toProblem } from '../http/problem.ts';
import { renderPage, respond } from '../http/respond.ts';
import { SMALL_FLIGHT_BYTES } from '../memo/bounds.ts';
import { parseMemo, versionOf } from '../memo/stored-memo.ts';
import { yieldNow } from '../memo/yielding.ts';
import { type Draft, ErrorPage } from '../pages/error.tsx';
import { ProblemNotice } from '../pages/notice.tsx';
import { randomToken } from '../store/sessions.ts';

/** Responds to anything that a route threw, and logs unexpected errors. */
export function handleError(log: Log) {
  return async (error: Error, c: Context<Env>): Promise<Response> => {
    let problem = toProblem(error);
    let reason = problem.cause instanceof Error ? problem.cause.message : problem.code;
    if (problem.code === 'internal' && c.req.raw.signal.aborted) {
      problem = new Problem('bad-request'); // the client does not see it
      reason = 'the client has disconnected';
    } else if (problem.code === 'internal') {
      // Not the error itself: a Redis error has its command, and so a person's text.
      log.error({ id: c.get('requestId'), error: error.stack }, 'request failed');
      reason = problem.code;
    }
    try {
      return await respondProblem(c, problem, reason);
    } catch (full) {
      // No room for a page with the text: respond without it.
      c.set('form', undefined);
      return respondProblem(c, toProblem(full));
    }
  };
}

/** Problems that the person has to decide about, on a page with the text. */
const DECISIONS: ProblemCode[] = [
  'changed',
  'memo-deleted',
  'other-person',
  'repeated',
  'key-reused',
  'bad-key',
];

/**
 * Responds with a notice to htmx, with a page to a browser or a form, else with `problem+json`
 * (RFC 9457).
 * @param reason for the log: the check that refused the request, or the message of Redis or Naver
 */
export async function respondProblem(
  c: Context<Env>,
  problem: Problem,
  reason: string = problem.code,
): Promise<Response> {
  const { status, code, memo } = problem;
  const headers = { ...problem.headers };
  const page = c.get('page');
  c.set('reason', reason);
  const draft = readDraft(c, problem);
  if (draft && draft.text.length > SMALL_FLIGHT_BYTES) {
    // Reserved before the page is rendered. Six times, because `"` becomes `&quot;`.
    c.get('flight').hold(6 * draft.text.length);
    await yieldNow();
  }
  if (page.fragment) headers['HX-Push-Url'] = 'false';
  if (page.fragment && !(draft && DECISIONS.includes(code))) {
    // The page stays as it is, with the text that was typed.
    headers['HX-Retarget'] = '#notice';
    headers['HX-Reswap'] = 'innerHTML show:none';
    return renderPage(c, <ProblemNotice page={page} problem={problem} />, { status, headers });
  }
  if (page.fragment || c.get('form') || acceptsType(c.req.header('Accept'), /^text\/html$/)) {
    // The browser retries by itself: restoring ten tabs at once is no error.
    if (code === 'busy' && c.req.method === 'GET' && !c.req.query('q')) headers.Refresh = '1';
    return renderPage(
      c,
      <ErrorPage page={page} problem={problem} requestId={c.get('requestId')} draft={draft} />,
      { status, headers },
    );
  }
  const [title, detail] = page.t.problems[code];
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code });
  return respond(c, memo === undefined ? body : `${body.slice(0, -1)},"memo":${memo}}`, {
    status,
    headers: { ...headers, 'Content-Type': 'application/problem+json' },
  });
}

/** The text of a form that could not be saved, and the fields to send it again. */
function readDraft(c: Context<Env>, { code, memo }: Problem): Draft | undefined {
  const form = c.get('form');
  const text = form?.get('text');
  if (!form || text === undefined) return undefined;
  const fields = new Map(
    [...form].filter(([name]) =>
      ['key', 'version', 'before', 'through', 'q', 'person'].includes(name),
    ),
  );
  // Sending it again is a decision: to save a new memo, or to replace the text that is shown.
  if (['key-reused', 'bad-key', 'memo-deleted'].includes(code)) fields.set('key', randomToken());
  if (code === 'repeated') fields.set('again', '1');
  if (code === 'other-person') fields.delete('person');
  const isDeleted = code === 'memo-deleted';
  if (isDeleted) fields.delete('version');
  const present = memo === undefined ? undefined : parseMemo(memo);
  if (present) fields.set('version', String(versionOf(present)));
  const { path, prefix } = c.get('page');
  return { action: isDeleted ? `${prefix}/memo` : path, text, fields, present };
}
