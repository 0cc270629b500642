import { type Context, Hono } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Dependencies, Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import { sendCookie } from '../http/respond.ts';
import { navigationsOnly } from '../middleware/navigations-only.ts';
import { limitLogins } from '../middleware/rate-limit.ts';
import { clearSessionCookie, readSession, setSessionCookie } from '../middleware/session.ts';
import { pseudonymOf, randomToken, type Session, STATE_LIMIT } from '../store/sessions.ts';

const STATE = /^[\w-]{43}$/;

/** Naver's errors that are about us or the person; any other is Naver's own trouble. */
const REFUSALS: Record<string, () => Problem> = {
  access_denied: () => new Problem(403, 'login-refused'),
  invalid_request: () => new Problem(502, 'naver-misconfigured'),
  unauthorized_client: () => new Problem(502, 'naver-misconfigured'),
  unsupported_response_type: () => new Problem(502, 'naver-misconfigured'),
};

export function authRoutes({ config, events, limiter, sessions, naver }: Dependencies) {
  const app = new Hono<Env>();
  const limited = limitLogins(limiter, config);
  const page = `${config.prefix}/`;
  const secure = config.publicUrl.startsWith('https:');
  const stateCookie = {
    // Browsers accept the name `__Host-…` only with this path.
    path: secure ? '/' : `${config.prefix}/oauth2`,
    httpOnly: true,
    // Lax, not Strict: Naver's redirect comes from another site and has to bring the cookie.
    sameSite: 'Lax' as const,
    secure,
  };

  // One cookie a state, so that two tabs can log in at once. Its name tells which state it holds.
  // On https it also tells that this host has set it, over https: with a cookie planted by another
  // host of the domain, or over http, somebody could be logged in as the attacker (login CSRF).
  const cookieName = (state: string) => `${secure ? '__Host-' : ''}state-${state.slice(0, 8)}`;

  // To Naver, with a one-time state that only this browser can bring back.
  app.get('/login', navigationsOnly(), limited, (c) => {
    const state = randomToken();
    sendCookie(c, cookieName(state), state, { ...stateCookie, maxAge: STATE_LIMIT / 1000 });
    return c.redirect(naver.authorizeUrl(state));
  });

  // Back from Naver: the state is checked and used up before anything else happens.
  app.get('/oauth2', navigationsOnly(), limited, readSession(sessions), async (c) => {
    const state = c.req.query('state') ?? '';
    if (!STATE.test(state)) throw new Problem(400, 'login-expired');
    const mine = getCookie(c, cookieName(state)) ?? '';
    sendCookie(c, cookieName(state), '', stateCookie);
    if (!equalInConstantTime(mine, state)) {
      // A callback opened once more, from the history or by going back, is no mistake.
      if (c.get('session') || (await sessions.isStateUsed(state))) return leaveRepeated(c);
      throw new Problem(400, 'login-expired');
    }
    // A double click or a reload sends the same code twice; it is exchanged once.
    if (!(await sessions.useState(state))) return leaveRepeated(c);

    const refusal = c.req.query('error');
    if (refusal !== undefined) {
      throw Object.hasOwn(REFUSALS, refusal)
        ? REFUSALS[refusal]?.()
        : new Problem(503, 'naver-unavailable');
    }
    const code = c.req.query('code');
    if (!code) throw new Problem(400, 'login-expired');

    const user = await naver.identify(code, state);
    const token = await sessions.begin(user, c.req.header('User-Agent'));
    // Also of several, of which none counted: the new one must have no rivals.
    for (const old of [c.get('session'), ...(c.get('rivals') ?? [])]) await endSession(old);
    setSessionCookie(c, config, token);
    c.set('event', 'login');
    c.set('person', pseudonymOf(user.id));
    return c.redirect(page);
  });

  app.post('/logout', readSession(sessions), async (c) => {
    await endSession(c.get('session'));
    if (c.get('session')) c.set('event', 'logout');
    clearSessionCookie(c, config);
    return c.redirect(page, 303);
  });

  function leaveRepeated(c: Context<Env>): Response {
    c.set('event', 'login-repeated');
    return c.redirect(page);
  }

  async function endSession(session: Session | undefined): Promise<void> {
    if (!session) return;
    await sessions.end(session);
    void events.publishEnd(session.userId);
  }

  return app;
}

/** Compares without telling by its time how much was right. */
function equalInConstantTime(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
