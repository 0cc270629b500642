import { createMiddleware } from 'hono/factory';
import type { Config } from '../config.ts';
import type { Env } from '../http/env.ts';
import { acceptsType } from '../http/negotiate.ts';
import { Problem } from '../http/problem.ts';
import { redirect } from '../http/respond.ts';

/**
 * Lets logged-in people pass. A browser is redirected to the page, as by memo.py; a program that names
 * JSON or an event stream gets 401, as does htmx; a posted text is returned on an error page with a
 * link to log in.
 */
export function requireSession(config: Config) {
  return createMiddleware<Env>(async (c, next) => {
    const session = c.get('session');
    if (session) {
      c.set('reader', session);
      return next();
    }
    const isPage = !c.get('page').fragment && !c.get('form')?.has('text');
    const accept = c.req.header('Accept');
    if (
      !isPage ||
      acceptsType(accept, /^(?:application\/(?:[\w.-]+\+)?json|text\/event-stream)$/)
    ) {
      throw new Problem('logged-out');
    }
    c.set('reason', 'logged-out');
    return redirect(c, `${config.prefix}/`);
  });
}
