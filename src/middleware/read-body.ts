import { createMiddleware } from 'hono/factory';
import { contentType, FORM_TYPE, JSON_TYPE, readBytes, readForm } from '../http/body.ts';
import type { Env } from '../http/env.ts';
import { isSafe } from '../http/methods.ts';
import { SMALL_BODY_BYTES } from '../memo/bounds.ts';
import type { SessionStore } from '../store/sessions.ts';
import { lookUpSession } from './read-session.ts';

export interface ReadBodyOptions {
  /** undefined: the route needs no session */
  sessions?: SessionStore;
  /** in bytes */
  limit?: number;
}

/**
 * Looks the session up, then reads the body: any client's form, because error pages return its text,
 * but JSON only of logged-in clients. A session that ended while the body was arriving is not used.
 * @throws Problem `too-large`, `text-invalid`, or `busy` when the process has no room
 */
export function readBody({ sessions, limit = SMALL_BODY_BYTES }: ReadBodyOptions) {
  return createMiddleware<Env>(async (c, next) => {
    const type = isSafe(c.req.method) ? '' : contentType(c);
    try {
      if (sessions) await lookUpSession(c, sessions);
    } catch (error) {
      if (type === FORM_TYPE) await readForm(c, limit);
      throw error;
    }
    const session = c.get('session');
    const hasArrived = c.env?.incoming?.complete === true;
    if (type === FORM_TYPE) await readForm(c, limit);
    else if (type === JSON_TYPE && session) c.set('json', await readBytes(c, limit));
    else return next();
    if (sessions && session && !hasArrived && !(await sessions.isOpen(session))) {
      c.set('session', undefined);
    }
    return next();
  });
}
