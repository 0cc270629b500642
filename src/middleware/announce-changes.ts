import { createMiddleware } from 'hono/factory';
import type { Env } from '../env.ts';
import type { Events } from '../events.ts';

/** Tells a person's open pages of every request of theirs that has changed something. */
export function announceChanges(events: Events) {
  return createMiddleware<Env>(async (c, next) => {
    await next();
    const session = c.get('session');
    const changed = c.req.method !== 'GET' && c.req.method !== 'HEAD' && c.res.status < 400;
    const tab = c.req.header('Memo-Tab') ?? '';
    // Not waited for: whoever made the change has nothing to gain by it.
    if (changed && session) void events.publish(session.userId, /^\w{1,32}$/.test(tab) ? tab : '');
  });
}
