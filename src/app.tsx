import { type Context, Hono } from 'hono';
import { accepts } from 'hono/accepts';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { Config } from './config.ts';
import type { Assets } from './http/assets.ts';
import { type Dependencies, type Env, type Frame, THEMES, type Theme } from './http/env.ts';
import { accepts as acceptsType } from './http/negotiate.ts';
import { Problem, toProblem } from './http/problem.ts';
import { answer, answerPage } from './http/respond.ts';
import { LANGUAGES, type Language, MESSAGES, type ProblemCode } from './i18n/index.ts';
import { SMALL_FLIGHT_BYTES } from './memo/bounds.ts';
import { parseMemo, versionOf } from './memo/stored-memo.ts';
import { yieldNow } from './memo/yielding.ts';
import { accessLog } from './middleware/access-log.ts';
import { commonHeaders } from './middleware/common-headers.ts';
import { countFlight } from './middleware/flight.ts';
import { sameOrigin } from './middleware/same-origin.ts';
import { strictPath } from './middleware/strict-path.ts';
import { type Draft, ErrorPage } from './pages/error.tsx';
import { renderFrame } from './pages/frame.tsx';
import { ProblemNotice } from './pages/notice.tsx';
import { assetRoutes } from './routes/assets.ts';
import { authRoutes } from './routes/auth.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { createHome } from './routes/home.tsx';
import { memoRoutes } from './routes/memos.tsx';
import { pageRoutes } from './routes/page.tsx';
import { sessionRoutes } from './routes/sessions.tsx';
import { readSettings, settingsRoutes } from './routes/settings.ts';
import { trashRoutes } from './routes/trash.tsx';
import { randomToken } from './store/sessions.ts';

/** The whole application; it owns nothing, and whoever made `deps` ends them. */
export function createApp(deps: Dependencies): Hono<Env> {
  const { config, assets, compressor, flights, log, shutdown } = deps;
  const app = new Hono<Env>();

  app.use(accessLog(log));
  app.use(countFlight(flights));
  app.use(commonHeaders(config.publicUrl.startsWith('https:'), shutdown));
  const looks = createLooks(config, assets);
  app.use((c, next) => {
    const chosen = readSettings(c);
    const language = chosen.language ?? acceptedLanguage(c);
    const look = looks[language][chosen.theme ?? 'auto'];
    // Spelled out: spreading the look is slower than all else that is done here.
    c.set('site', {
      language: look.language,
      t: look.t,
      theme: look.theme,
      prefix: look.prefix,
      loginUrl: look.loginUrl,
      assets: look.assets,
      frame: look.frame,
      now: Date.now(),
      fragment: c.req.header('HX-Request') === 'true',
      path: config.prefix + c.req.path.slice(config.basePath.length),
    });
    c.set('compressor', compressor);
    return next();
  });
  app.use(strictPath());
  app.use(sameOrigin(new URL(config.publicUrl).origin));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        answerProblem(
          c,
          new Problem(405, 'method-not-allowed', { headers: { Allow: methods.join(', ') } }),
        ),
    }),
  );

  const health = healthRoutes(deps);
  const home = createHome(deps);
  const routes = new Hono<Env>();
  routes.route('/', health);
  routes.route('/', authRoutes(deps));
  routes.route('/assets', assetRoutes(assets));
  routes.route('/memo/events', eventRoutes(deps));
  routes.route('/memo', memoRoutes(deps, home));
  routes.route('/trash', trashRoutes(deps));
  routes.route('/sessions', sessionRoutes(deps));
  routes.route('/settings', settingsRoutes(config));

  const page = pageRoutes(deps, home);
  const base = config.basePath;
  app.route(base || '/', routes);
  // The prefix with and without the slash is the same page, and the health checks of a balancer
  // do not know the prefix.
  app.route(base || '/', page);
  if (base) {
    app.route(`${base}/`, page);
    app.route('/', health);
  }

  app.notFound((c) => answerProblem(c, new Problem(404, 'not-found')));
  app.onError(async (error, c) => {
    const problem = toProblem(error);
    let reason = problem === error ? problem.code : error.message;
    if (problem.code === 'internal' && c.req.raw.signal.aborted) {
      // The client left in the middle of the request: nobody reads the answer.
      return answerProblem(c, new Problem(400, 'bad-request'), 'the client has left');
    }
    if (problem.code === 'internal') {
      // Not the error itself: a Redis error carries its command, and that a person's text.
      log.error({ id: c.get('requestId'), error: error.stack }, 'request failed');
      reason = problem.code;
    }
    try {
      return await answerProblem(c, problem, reason);
    } catch (full) {
      // There is no room for a page with the text: the answer is one without it.
      c.set('form', undefined);
      return answerProblem(c, toProblem(full));
    }
  });
  return app;
}

/** Everything about pages that a request only chooses from. */
function createLooks({ prefix, publicUrl }: Config, assets: Assets) {
  const create = (language: Language, theme: Theme) => {
    const t = MESSAGES[language];
    const look = { language, t, theme, prefix, loginUrl: `${publicUrl}/login`, assets };
    let frame: Frame | undefined;
    return {
      ...look,
      /** the same for all pages; made anew for each, it would take an eighth of a page's time */
      get frame() {
        frame ??= renderFrame(look);
        return frame;
      },
    };
  };
  return byEach(LANGUAGES, (language) => byEach(THEMES, (theme) => create(language, theme)));
}

const byEach = <K extends string, V>(keys: readonly K[], make: (key: K) => V) =>
  Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, V>;

/** The reader's first language that we have, by weight and then by order. */
function acceptedLanguage(c: Context<Env>): Language {
  return accepts(c, {
    header: 'Accept-Language',
    supports: LANGUAGES,
    default: 'ko',
    match: (accepted, { default: fallback }) => {
      const known = accepted
        .filter(({ q }) => q > 0)
        .sort((a, b) => b.q - a.q)
        .map(({ type }) => type.toLowerCase().split('-', 1)[0] as Language);
      return known.find((language) => LANGUAGES.includes(language)) ?? fallback;
    },
  }) as Language;
}

/** What somebody has to decide, with both texts or the question before them. */
const DECISIONS: ProblemCode[] = [
  'changed',
  'memo-deleted',
  'other-person',
  'repeated',
  'key-reused',
  'bad-key',
];

/**
 * A problem as the asker reads it: a page for a browser, else `problem+json` (RFC 9457).
 * @param reason for the log: which check refused the request, or what Redis or Naver said
 */
async function answerProblem(
  c: Context<Env>,
  problem: Problem,
  reason: string = problem.code,
): Promise<Response> {
  const { status, code, headers, memo } = problem;
  const site = c.get('site');
  c.set('reason', reason);
  const common = Object.assign(c.get('headers'), headers);
  const draft = readDraft(c, problem);
  if (draft && draft.text.length > SMALL_FLIGHT_BYTES) {
    // Room is asked for before the page is made: `"` is six bytes of HTML.
    c.get('flight').hold(6 * draft.text.length);
    await yieldNow();
  }
  // The page stays as it is, with what was typed, unless there is something to decide.
  if (site.fragment) common['HX-Push-Url'] = 'false';
  if (site.fragment && !(draft && DECISIONS.includes(code))) {
    common['HX-Retarget'] = '#notice';
    common['HX-Reswap'] = 'innerHTML show:none';
    return answerPage(c, <ProblemNotice site={site} problem={problem} />, { status });
  }
  if (site.fragment || c.get('form') || acceptsType(c, /^text\/html$/)) {
    // The browser asks again by itself: ten tabs that are restored at once are no mistake.
    if (code === 'busy' && c.req.method === 'GET' && !c.req.query('q')) common.Refresh = '1';
    return answerPage(
      c,
      <ErrorPage site={site} problem={problem} requestId={c.get('requestId')} draft={draft} />,
      { status },
    );
  }
  const [title, detail] = site.t.problems[code];
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code });
  return answer(
    c,
    memo === undefined ? body : `${body.slice(0, -1)},"memo":${memo}}`,
    { 'Content-Type': 'application/problem+json' },
    status,
  );
}

/** What a form wanted to save when it failed, ready to be sent once more. */
function readDraft(c: Context<Env>, { code, memo }: Problem): Draft | undefined {
  const form = c.get('form');
  const text = form?.get('text');
  if (!form || text === undefined) return undefined;
  const fields = new Map(
    [...form].filter(([name]) =>
      ['key', 'version', 'before', 'through', 'q', 'person'].includes(name),
    ),
  );
  // The next attempt is meant: as a new memo, or as the successor of the text that is shown.
  if (['key-reused', 'bad-key', 'memo-deleted'].includes(code)) fields.set('key', randomToken());
  if (code === 'repeated') fields.set('again', '1');
  if (code === 'other-person') fields.delete('person');
  const deleted = code === 'memo-deleted';
  if (deleted) fields.delete('version');
  const present = memo === undefined ? undefined : parseMemo(memo);
  if (present) fields.set('version', String(versionOf(present)));
  const { path, prefix } = c.get('site');
  return { action: deleted ? `${prefix}/memo` : path, text, fields, present };
}
