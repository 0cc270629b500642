import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';

/** The fields of a form post. */
export type Form = Map<string, string>;

/** A memo of 20,000 characters fits, however it is escaped. */
const BODY_LIMIT = 256 * 1024; // bytes

/** Beyond this, a body is not even thrown away any more: the connection ends. */
const DISCARD_LIMIT = 16 * BODY_LIMIT;

/**
 * Reads a body that is a form, before anything else can fail: so an expired login or a lost Redis
 * finds the text at hand and can give it back.
 */
export function readForm() {
  return createMiddleware<Env>(async (c, next) => {
    if (contentType(c) === 'application/x-www-form-urlencoded') {
      const fields = new URLSearchParams(await readText(c));
      // A form sends CRLF for every line end (HTML's form submission); the text has LF.
      c.set('form', new Map([...fields].map(([name, v]) => [name, v.replace(/\r\n?/g, '\n')])));
    }
    await next();
  });
}

/** The members of a JSON body. @throws Problem 415 or 400 */
export async function readJson(c: Context<Env>): Promise<Map<string, unknown>> {
  if (contentType(c) !== 'application/json') throw new Problem(415, 'unsupported-type');
  let body: unknown;
  try {
    body = JSON.parse(await readText(c));
  } catch (error) {
    throw error instanceof Problem ? error : new Problem(400, 'not-json');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Problem(400, 'not-json');
  }
  return new Map(Object.entries(body));
}

/** The fields of a form. @throws Problem 415 when the body is none */
export function requireForm(c: Context<Env>): Form {
  const form = c.get('form');
  if (!form) throw new Problem(415, 'unsupported-type');
  return form;
}

function contentType(c: Context<Env>): string {
  return (c.req.header('Content-Type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** The body as text. Bytes that are no UTF-8 are refused: replacing them would change a text. */
async function readText(c: Context<Env>): Promise<string> {
  const bytes = await readBytes(c);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Problem(400, 'text-invalid');
  }
}

/**
 * The body. One that is too large is read on and thrown away: what the sender has not got rid of
 * when the answer comes would end the connection, and with it the requests behind this one.
 */
async function readBytes(c: Context<Env>): Promise<ArrayBuffer> {
  const declared = c.req.header('Transfer-Encoding') ? undefined : c.req.header('Content-Length');
  if (Number(declared) <= BODY_LIMIT) return c.req.arrayBuffer();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    size += chunk.byteLength;
    if (size <= BODY_LIMIT) chunks.push(chunk);
    if (size > DISCARD_LIMIT) break;
  }
  if (size > BODY_LIMIT) throw new Problem(413, 'too-large');
  return new Blob(chunks).arrayBuffer();
}
