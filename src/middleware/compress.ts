import { createMiddleware } from 'hono/factory';
import { preferredCoding } from '../accept.ts';
import type { Compress, Env } from '../env.ts';

/** Below this, compressing gains nothing. */
const MIN_LENGTH = 1024; // bytes

/**
 * Compresses pages. Not those that another site has asked for: it chooses the address, and with it
 * words on the page, and their compressed length would tell whether a memo has them, too (BREACH).
 */
export function compressPages(compress: Compress) {
  return createMiddleware<Env>(async (c, next) => {
    await next();
    if (!c.res.headers.get('Content-Type')?.startsWith('text/html')) return;
    c.header('Vary', 'Accept-Encoding, Sec-Fetch-Site', { append: true });
    const coding = preferredCoding(c.req.header('Accept-Encoding'));
    const site = c.req.header('Sec-Fetch-Site');
    if (coding === 'identity' || (site !== 'same-origin' && site !== 'none')) return;
    const body = new Uint8Array(await c.res.arrayBuffer());
    const small = body.byteLength < MIN_LENGTH;
    c.res = new Response(small ? body : await compress(body, coding), c.res);
    if (!small) c.header('Content-Encoding', coding);
    c.header('Content-Length', undefined);
  });
}
