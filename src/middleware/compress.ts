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
    const { status, headers } = c.res;
    if (!headers.get('Content-Type')?.startsWith('text/html')) return;
    headers.append('Vary', 'Accept-Encoding, Sec-Fetch-Site');
    const coding = preferredCoding(c.req.header('Accept-Encoding'));
    const site = c.req.header('Sec-Fetch-Site');
    if (coding === 'identity' || (site !== 'same-origin' && site !== 'none')) return;
    const body = new Uint8Array(await c.res.arrayBuffer());
    const small = body.byteLength < MIN_LENGTH;
    if (!small) headers.set('Content-Encoding', coding);
    headers.delete('Content-Length');
    c.res = undefined; // the new one takes its place, instead of being mixed with it
    c.res = new Response(small ? body : await compress(body, coding), { status, headers });
  });
}
