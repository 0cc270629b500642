import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Config } from '../config.ts';
import type { Env } from '../http/env.ts';
import { accepts } from '../http/negotiate.ts';
import { Problem } from '../http/problem.ts';
import { sendCookie } from '../http/respond.ts';
import { SESSION_COOKIES } from '../memo/bounds.ts';
import {
  ABSOLUTE_LIMIT,
  pseudonymOf,
  type Session,
  type SessionStore,
  TOKEN,
} from '../store/sessions.ts';

const NAME = 'userId';

/**
 * Reads the `userId` cookie and sets `session`, undefined for whoever is not logged in.
 * @param options.counts whether it is one of the requests that a person may have under way; a stream
 *   of events lasts, and has a bound of its own
 */
export function readSession(sessions: SessionStore, { counts = true } = {}) {
  return createMiddleware<Env>(async (c, next) => {
    await lookUpSession(c, sessions, counts);
    return next();
  });
}

/** What {@link readSession} does. */
export async function lookUpSession(
  c: Context<Env>,
  sessions: SessionStore,
  counts = true,
): Promise<void> {
  const session = await findSession(c, sessions);
  if (session && counts) c.get('flight').belongTo(session.userId);
  c.set('session', session);
}

/**
 * Lets only whoever is logged in pass. Others are sent to the page, as memo.py did; a program that
 * names JSON or a stream of events gets 401, as does htmx, and a text that came by a form is kept
 * on a page with a way to log in.
 */
export function requireSession(config: Config) {
  return createMiddleware<Env>(async (c, next) => {
    if (c.get('session')) return next();
    const isPage = !c.get('site').fragment && !c.get('form')?.has('text');
    if (!isPage || accepts(c, /^(?:application\/(?:[\w.-]+\+)?json|text\/event-stream)$/)) {
      throw new Problem(401, 'logged-out');
    }
    c.set('reason', 'logged-out');
    return c.redirect(`${config.prefix}/`);
  });
}

/**
 * Refuses a form from a page that was made for somebody else: on a shared device, a text must not
 * slip into the memos of whoever has logged in since. It comes back with a question.
 */
export function requireSamePerson() {
  return createMiddleware<Env>((c, next) => {
    const person = c.get('form')?.get('person');
    const session = c.get('session');
    if (person !== undefined && session && person !== pseudonymOf(session.userId)) {
      throw new Problem(409, 'other-person');
    }
    return next();
  });
}

/**
 * The session of the request's cookie. Neighbours on the same host or domain can set cookies of the
 * name, too, and nothing tells who set which. Those that are no session do no harm. Of several that
 * are, none counts: one may be an attacker's, who would read what is written with it. They become
 * `rivals`, which are an empty list when there are more cookies than are looked up.
 */
async function findSession(c: Context<Env>, sessions: SessionStore): Promise<Session | undefined> {
  const tokens = readTokens(c.req.header('Cookie'));
  if (tokens.length <= 1) return tokens[0] === undefined ? undefined : sessions.find(tokens[0]);
  const isTooMany = tokens.length > SESSION_COOKIES;
  const answers = isTooMany ? [] : await Promise.all(tokens.map((token) => sessions.find(token)));
  const found = answers.filter((session) => session !== undefined);
  if (!isTooMany && found.length <= 1) return found[0];
  c.set('rivals', found);
  return undefined;
}

/** The values of the cookies that have a token's shape, each of them once. */
function readTokens(cookies = ''): string[] {
  const tokens = cookies
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(`${NAME}=`))
    .map((cookie) => cookie.slice(NAME.length + 1))
    .filter((value) => TOKEN.test(value));
  return tokens.length > 1 ? [...new Set(tokens)] : tokens;
}

const cookieOptions = (config: Config) => ({
  path: config.prefix || '/',
  httpOnly: true,
  sameSite: 'Lax' as const,
  secure: config.publicUrl.startsWith('https:'),
});

export function setSessionCookie(c: Context<Env>, config: Config, token: string): void {
  // memo.py's cookie is for the whole host, as is one of memo's that had no prefix yet: that would be
  // a rival of the new one.
  if (config.prefix && c.req.header('Cookie')?.includes(`${NAME}=`)) {
    sendCookie(c, NAME, '', { ...cookieOptions(config), path: '/' });
  }
  sendCookie(c, NAME, token, { ...cookieOptions(config), maxAge: ABSOLUTE_LIMIT / 1000 });
}

export function clearSessionCookie(c: Context<Env>, config: Config): void {
  sendCookie(c, NAME, '', cookieOptions(config));
}
