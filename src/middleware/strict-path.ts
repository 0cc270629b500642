import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';

/** Segments of plain characters, one slash between them, none of them `.` or `..`. */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*\/?$/;

/**
 * Refuses every path that two parties could read differently: `//`, `;`, dot segments, backslashes,
 * and anything percent-encoded, such as a prefix or a slash. None of our own paths needs it. It
 * looks at the request target as it came, before the adapter made a URL of it.
 */
export function strictPath() {
  return createMiddleware<Env>((c, next) => {
    const target = c.env?.incoming?.url ?? c.req.url.replace(/^\w+:\/\/[^/]*/, '');
    if (!PLAIN_PATH.test(target.replace(/\?.*$/s, ''))) throw new Problem('bad-path');
    return next();
  });
}
