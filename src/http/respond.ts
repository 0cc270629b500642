import type { Context } from 'hono';
import { generateCookie } from 'hono/cookie';
import type { CookieOptions } from 'hono/utils/cookie';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { Env } from './env.ts';
import { preferredCoding } from './negotiate.ts';

/** Below this, compressing gains nothing. */
const MIN_LENGTH = 1024; // bytes

/** Sends a cookie with the answer, whatever it is going to be; an empty value takes it away. */
export function sendCookie(c: Context<Env>, name: string, value: string, options: CookieOptions) {
  const cookie = generateCookie(name, value, value === '' ? { ...options, maxAge: 0 } : options);
  c.set('cookies', [...(c.get('cookies') ?? []), cookie]);
}

/**
 * Makes an answer whose headers go to the wire as they are: those that every answer has, those that
 * were put into `headers` before, and these. For answers that Hono makes, `Headers` are built and
 * sorted: with Node 26, `POST /memo` took 13 % longer.
 */
export function answer(
  c: Context<Env>,
  body: string | Uint8Array<ArrayBuffer> | null,
  headers: Record<string, string>,
  status = 200,
): Response {
  const response = new Response(body, {
    status,
    headers: Object.assign(c.get('headers'), headers),
  });
  c.get('flight').hold(typeof body === 'string' ? body.length : (body?.byteLength ?? 0));
  c.set('complete', response);
  return response;
}

/**
 * Makes a page of JSX, and compresses it as the browser asks. Not for another site: it chooses the
 * address, and with it words on the page, and their compressed length would tell whether a memo has
 * them, too (BREACH).
 */
export async function answerPage(
  c: Context<Env>,
  page: HtmlEscapedString | Promise<HtmlEscapedString>,
  { status }: { status?: number } = {},
): Promise<Response> {
  const body = encoder.encode(String(await page));
  const headers: Record<string, string> = {
    'Content-Type': 'text/html; charset=UTF-8',
    Vary: 'Accept-Encoding, Sec-Fetch-Site',
  };
  const { codings, compress } = c.get('compressor');
  const coding = preferredCoding(c.req.header('Accept-Encoding'), codings);
  const site = c.req.header('Sec-Fetch-Site');
  const isOurs = site === 'same-origin' || site === 'none';
  if (!coding || !isOurs || body.byteLength < MIN_LENGTH) {
    return answer(c, body, headers, status);
  }
  headers['Content-Encoding'] = coding;
  return answer(c, await compress(body, coding), headers, status);
}

const encoder = new TextEncoder();
