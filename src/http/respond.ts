/** Every response of the application is made here. */
import type { Context } from 'hono';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { Env } from './env.ts';
import { preferredCoding } from './negotiate.ts';

export interface ResponseOptions {
  status?: number;
  /** take precedence over the default headers */
  headers?: Record<string, string>;
}

/**
 * Makes a response with the default headers (`c.get('headers')`), these headers and the cookies.
 * Its body counts as held until the client has taken it, unless it is a stream.
 */
export function respond(
  c: Context<Env>,
  body: string | Uint8Array<ArrayBuffer> | ReadableStream | null,
  { status = 200, headers }: ResponseOptions = {},
): Response {
  const all = { ...c.get('headers'), ...headers };
  const cookies = c.get('cookies')?.map((cookie): [string, string] => ['Set-Cookie', cookie]);
  if (typeof body === 'string') c.get('flight').hold(body.length);
  else if (body instanceof Uint8Array) c.get('flight').hold(body.byteLength);
  return new Response(body, {
    status,
    headers: cookies ? [...Object.entries(all), ...cookies] : all,
  });
}

/** Makes a response of plain text. */
export const respondText = (
  c: Context<Env>,
  text: string,
  { status, headers }: ResponseOptions = {},
) =>
  respond(c, text, {
    status,
    headers: { 'Content-Type': 'text/plain; charset=UTF-8', ...headers },
  });

/** Sends the browser to another address. @param status 303 after a form, so that a GET follows */
export const redirect = (c: Context<Env>, location: string, status: 302 | 303 = 302) =>
  respond(c, null, { status, headers: { Location: location } });

/** Below this, compressing gains nothing. */
const MIN_LENGTH = 1024; // bytes

/**
 * Makes a response of JSX, compressed if the browser accepts it. Responses to cross-site requests are
 * not compressed: the attacker controls `q`, and the length would reveal whether a memo contains it
 * (BREACH).
 */
export async function renderPage(
  c: Context<Env>,
  page: HtmlEscapedString | Promise<HtmlEscapedString>,
  { status, headers }: ResponseOptions = {},
): Promise<Response> {
  const body = encoder.encode(String(await page));
  const all: Record<string, string> = {
    'Content-Type': 'text/html; charset=UTF-8',
    Vary: 'Accept-Encoding, Sec-Fetch-Site',
    ...headers,
  };
  const { codings, compress } = c.get('compressor');
  const coding = preferredCoding(c.req.header('Accept-Encoding'), codings);
  const site = c.req.header('Sec-Fetch-Site');
  const isOurs = site === 'same-origin' || site === 'none';
  if (!coding || !isOurs || body.byteLength < MIN_LENGTH) {
    return respond(c, body, { status, headers: all });
  }
  all['Content-Encoding'] = coding;
  return respond(c, await compress(body, coding), { status, headers: all });
}

const encoder = new TextEncoder();
