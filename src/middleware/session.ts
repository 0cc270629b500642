import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { accepts } from '../accept.ts';
import { sendCookie } from '../answer.ts';
import type { Config } from '../config.ts';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { ABSOLUTE_LIMIT, pseudonymOf, type SessionStore } from '../sessions.ts';

const NAME = 'userId';

/** Reads the `userId` cookie and sets `session`, undefined for whoever is not logged in. */
export function readSession(sessions: SessionStore) {
  return createMiddleware<Env>(async (c, next) => {
    const token = readToken(c.req.header('Cookie'));
    c.set('session', token === undefined ? undefined : await sessions.find(token));
    return next();
  });
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
 * The cookie's value. Two cookies of the name count as none: a neighbour on the same host or domain
 * may have planted one of them, and nothing tells which.
 */
function readToken(cookies = ''): string | undefined {
  const values = cookies
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(`${NAME}=`));
  return values.length === 1 ? values[0]?.slice(NAME.length + 1) : undefined;
}

const cookieOptions = (config: Config) => ({
  path: config.prefix || '/',
  httpOnly: true,
  sameSite: 'Lax' as const,
  secure: config.publicUrl.startsWith('https:'),
});

export function setSessionCookie(c: Context<Env>, config: Config, token: string): void {
  // memo.py's cookie is for the whole host. Beside ours it would make two, and those count as none.
  if (config.prefix && c.req.header('Cookie')?.includes(`${NAME}=`)) {
    sendCookie(c, NAME, '', { ...cookieOptions(config), path: '/' });
  }
  sendCookie(c, NAME, token, { ...cookieOptions(config), maxAge: ABSOLUTE_LIMIT / 1000 });
}

export function clearSessionCookie(c: Context<Env>, config: Config): void {
  sendCookie(c, NAME, '', cookieOptions(config));
}
