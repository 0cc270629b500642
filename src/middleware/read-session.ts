import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { readSessionTokens } from '../http/session-cookie.ts';
import { SESSION_COOKIES } from '../memo/bounds.ts';
import type { Session, SessionStore } from '../store/sessions.ts';

/**
 * Reads the `userId` cookie and sets `session`, if the browser is logged in.
 * @param options.counts whether the request counts against the person's limit of requests under way;
 *   event streams have a limit of their own
 */
export function readSession(sessions: SessionStore, { counts = true } = {}) {
  return createMiddleware<Env>(async (c, next) => {
    await lookUpSession(c, sessions, counts);
    return next();
  });
}

/** Sets `session`, see {@link readSession}. @throws Problem 429, see `Flight.belongTo` */
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
 * The session of the request's cookie. Other applications on the host or domain can set cookies of
 * this name, and nothing tells who set which. Cookies without a session are ignored. Of several
 * sessions none is used: one may be an attacker's, who could read what the person writes. They become
 * `rivals`, which is empty if there are more cookies than are looked up.
 */
async function findSession(c: Context<Env>, sessions: SessionStore): Promise<Session | undefined> {
  const tokens = readSessionTokens(c);
  if (tokens.length <= 1) return tokens[0] === undefined ? undefined : sessions.find(tokens[0]);
  const isTooMany = tokens.length > SESSION_COOKIES;
  const looked = isTooMany ? [] : await Promise.all(tokens.map((token) => sessions.find(token)));
  const found = looked.filter((session) => session !== undefined);
  if (!isTooMany && found.length <= 1) return found[0];
  c.set('rivals', found);
  return undefined;
}
