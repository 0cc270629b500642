import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';

/** Segments of plain characters, one slash between them, none of them `.` or `..`. */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*\/?$/;

/**
 * Refuses paths that a proxy and this server could read differently: `//`, `;`, dot segments,
 * backslashes and percent-encoding (of a slash, or of the prefix). None of our paths needs them. Checks
 * the request target as it was sent, because the adapter's URL is normalized.
 */
export function strictPath() {
  return createMiddleware<Env>((c, next) => {
    const target = c.env?.incoming?.url ?? c.req.url.replace(/^\w+:\/\/[^/]*/, '');
    if (!PLAIN_PATH.test(target.replace(/\?.*$/s, ''))) throw new Problem('bad-path');
    return next();
  });
}
