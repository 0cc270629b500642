import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { isSafe } from '../http/methods.ts';
import { tabOf } from '../http/tab.ts';
import type { Changes } from '../store/changes.ts';

/** Tells a person's open pages of each request of theirs that has changed something. */
export function announceChanges(changes: Changes) {
  return createMiddleware<Env>(async (c, next) => {
    await next();
    const hasChanged = !isSafe(c.req.method) && c.res.status < 400;
    // Not awaited: the response need not wait for it.
    if (hasChanged) void changes.publish(c.get('reader').userId, tabOf(c));
  });
}
