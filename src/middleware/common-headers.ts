import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { securityHeaders } from './security-headers.ts';

/**
 * Gives every answer the headers that all have, unless it says otherwise, and its cookies. `answer`
 * takes the headers from where others put some, too; to what Hono makes they are added.
 * @param https whether the browser reaches us by https
 * @param shutdown aborted when the server is about to stop
 */
export function commonHeaders(https: boolean, shutdown: AbortSignal) {
  const common = {
    ...securityHeaders(https),
    // Whatever does not say otherwise is about a person.
    'Cache-Control': 'private, no-store',
  };
  return createMiddleware<Env>(async (c, next) => {
    const headers: Record<string, string> = { ...common };
    // What a balancer or a proxy answers instead of us must not take a page's place.
    if (c.req.header('HX-Request') === 'true') headers['Memo-Fragment'] = 'true';
    c.set('headers', headers);
    await next();
    if (c.res !== c.get('complete')) {
      // Not by `c.header`: on an answer that is there already it makes another one, of a stream.
      for (const [name, value] of Object.entries(headers)) {
        if (!c.res.headers.has(name)) c.res.headers.set(name, value);
      }
    }
    for (const cookie of c.get('cookies') ?? []) c.res.headers.append('Set-Cookie', cookie);
    // A balancer learns from this that the connection must not be used again.
    if (shutdown.aborted) c.res.headers.set('Connection', 'close');
  });
}
