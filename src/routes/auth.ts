import { type Context, Hono } from 'hono';
import type { AppContext } from '../context.ts';
import { cookieOptions, readCookies, sendCookie } from '../http/cookies.ts';
import type { Env } from '../http/env.ts';
import { Problem, type ProblemCode } from '../http/problem.ts';
import { redirect } from '../http/respond.ts';
import { clearSessionCookie, setSessionCookie } from '../http/session-cookie.ts';
import { limitLogins } from '../middleware/limit-logins.ts';
import { navigationsOnly } from '../middleware/navigations-only.ts';
import { readSession } from '../middleware/read-session.ts';
import { NaverError } from '../naver.ts';
import { pseudonymOf, randomToken, type Session, STATE_LIMIT } from '../store/sessions.ts';

const STATE = /^[\w-]{43}$/;

/** Errors in Naver's redirect that are the person's or ours; any other is Naver's own. */
const REFUSALS = new Map<string, ProblemCode>([
  ['access_denied', 'login-refused'],
  ['invalid_request', 'naver-misconfigured'],
  ['unauthorized_client', 'naver-misconfigured'],
  ['unsupported_response_type', 'naver-misconfigured'],
]);

/** Failures of the requests that exchange the code for the person. */
const FAILURES = {
  unavailable: ['naver-unavailable', 60],
  expired: ['login-expired'],
  misconfigured: ['naver-misconfigured'],
} satisfies Record<NaverError['failure'], [ProblemCode, retryAfter?: number]>;

/** Login at Naver by OAuth 2.0, and logout. */
export function authRoutes({ config, changes, limiter, sessions, naver }: AppContext) {
  const app = new Hono<Env>();
  const limited = limitLogins(limiter, config);
  const home = `${config.prefix}/`;
  const secure = config.publicUrl.startsWith('https:');
  const stateCookie = {
    ...cookieOptions(config),
    // Browsers accept the name `__Host-…` only with this path.
    path: secure ? '/' : `${config.prefix}/oauth2`,
  };

  // One cookie for each state, so that two tabs can log in at once; its name has the start of the state.
  // On https, `__Host-` proves that this host set it over https: with a cookie planted by another host
  // of the domain, or over http, an attacker could log the victim in as the attacker (login CSRF).
  const cookieName = (state: string) => `${secure ? '__Host-' : ''}state-${state.slice(0, 8)}`;

  // Redirects to Naver, with a one-time state that only this browser can bring back.
  app.get('/login', navigationsOnly(), limited, (c) => {
    const state = randomToken();
    sendCookie(c, cookieName(state), state, { ...stateCookie, maxAge: STATE_LIMIT / 1000 });
    return redirect(c, naver.authorizeUrl(state));
  });

  // The callback from Naver: checks the state and uses it up before anything else.
  app.get('/oauth2', navigationsOnly(), limited, readSession(sessions), async (c) => {
    const state = c.req.query('state') ?? '';
    if (!STATE.test(state)) throw new Problem('login-expired');
    const isOurs = readCookies(c, cookieName(state)).some((it) => equalInConstantTime(it, state));
    sendCookie(c, cookieName(state), '', stateCookie);
    if (!isOurs) {
      // A callback that is opened again, from the history or by going back, is no error.
      if (c.get('session') || (await sessions.isStateUsed(state))) return leaveRepeated(c);
      throw new Problem('login-expired');
    }
    // A double click or a reload sends the same code twice; it is exchanged only once.
    if (!(await sessions.useState(state))) return leaveRepeated(c);

    const refusal = c.req.query('error');
    if (refusal !== undefined) {
      throw new Problem(REFUSALS.get(refusal) ?? 'naver-unavailable');
    }
    const code = c.req.query('code');
    if (!code) throw new Problem('login-expired');

    const user = await naver.identify(code, state).catch((error) => {
      if (!(error instanceof NaverError)) throw error;
      const [problem, retryAfter] = FAILURES[error.failure];
      throw new Problem(problem, { retryAfter, cause: error });
    });
    const token = await sessions.begin(user, c.req.header('User-Agent'));
    // Rivals end, too: with two sessions in the cookies, the new one would not be used either.
    for (const old of [c.get('session'), ...(c.get('rivals') ?? [])]) await endSession(old);
    setSessionCookie(c, config, token);
    c.set('securityEvent', 'login');
    c.set('person', pseudonymOf(user.id));
    return redirect(c, home);
  });

  // Ends the session; without one, only clears the cookie.
  app.post('/logout', readSession(sessions), async (c) => {
    await endSession(c.get('session'));
    if (c.get('session')) c.set('securityEvent', 'logout');
    clearSessionCookie(c, config);
    return redirect(c, home, 303);
  });

  function leaveRepeated(c: Context<Env>): Response {
    c.set('securityEvent', 'login-repeated');
    return redirect(c, home);
  }

  async function endSession(session: Session | undefined): Promise<void> {
    if (!session) return;
    await sessions.end(session);
    void changes.publishEnd(session.userId);
  }

  return app;
}

/** Compares in a time that does not depend on where the strings differ (timing attack). */
function equalInConstantTime(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
