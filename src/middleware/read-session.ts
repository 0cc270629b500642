import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { readSessionTokens } from '../http/session-cookie.ts';
import { SESSION_COOKIES } from '../memo/bounds.ts';
import type { Session, SessionStore } from '../store/sessions.ts';

/**
 * Reads the `userId` cookie and sets `session`, if the browser is logged in.
 * @param options.counts whether the request is one of those that a person may have under way; a stream
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
 * The session of the request's cookie. Other applications on the host or domain can set cookies of
 * this name, and nothing tells who set which. Those that are no session do no harm. Of several that are
 * sessions none counts: one may be an attacker's, who would read what is written with it. They become
 * `rivals`; with more cookies than are looked up, an empty list.
 */
async function findSession(c: Context<Env>, sessions: SessionStore): Promise<Session | undefined> {
  const tokens = readSessionTokens(c);
  if (tokens.length <= 1) return tokens[0] === undefined ? undefined : sessions.find(tokens[0]);
  const isTooMany = tokens.length > SESSION_COOKIES;
  const answers = isTooMany ? [] : await Promise.all(tokens.map((token) => sessions.find(token)));
  const found = answers.filter((session) => session !== undefined);
  if (!isTooMany && found.length <= 1) return found[0];
  c.set('rivals', found);
  return undefined;
}
