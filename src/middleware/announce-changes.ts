import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import type { Events } from '../store/changes.ts';

/** The tab that a request comes from, as our script names it; empty for all others. */
export function tabOf(c: Context<Env>): string {
  const tab = c.req.header('Memo-Tab') ?? '';
  return /^\w{1,32}$/.test(tab) ? tab : '';
}

/** Tells a person's open pages of every request of theirs that has changed something. */
export function announceChanges(events: Events) {
  return createMiddleware<Env>(async (c, next) => {
    await next();
    const session = c.get('session');
    const changed = c.req.method !== 'GET' && c.req.method !== 'HEAD' && c.res.status < 400;
    // Not waited for: whoever made the change has nothing to gain by it.
    if (changed && session) void events.publish(session.userId, tabOf(c));
  });
}
