import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';

/** The fields of a form post. */
export type Form = Map<string, string>;

/** A memo of 20,000 characters fits, however it is escaped. */
const BODY_LIMIT = 256 * 1024; // bytes

/** A form's text may be too long to be stored, and still comes back to whoever wrote it. */
const FORM_LIMIT = 1024 * 1024;

/** More than any form of ours has. Reading 100,000 of them would hold everybody else up. */
const FIELDS_LIMIT = 50;

/** Beyond this, a body is not even thrown away any more: the connection ends. */
const DISCARD_LIMIT = 4 * 1024 * 1024;

/**
 * Reads a body that is a form, before anything else can fail: so an expired login or a lost Redis
 * finds the text at hand and can give it back.
 */
export function readForm() {
  return createMiddleware<Env>(async (c, next) => {
    if (contentType(c) === 'application/x-www-form-urlencoded') {
      const bytes = await readBytes(c, FORM_LIMIT);
      const source = decodeText(bytes);
      if (source.split('&', FIELDS_LIMIT + 1).length > FIELDS_LIMIT) {
        throw new Problem(413, 'too-large');
      }
      const fields = new URLSearchParams(source);
      // A form sends CRLF for every line end (HTML's form submission); the text has LF.
      c.set('form', new Map([...fields].map(([name, v]) => [name, v.replace(/\r\n?/g, '\n')])));
      if (bytes.byteLength > BODY_LIMIT) throw new Problem(413, 'too-large');
      // What is no UTF-8 became U+FFFD: more of them than were sent.
      const sent = source.match(/\ufffd|%EF%BF%BD/gi)?.length ?? 0;
      const read = [...fields].flat().join('').split('\ufffd').length - 1;
      if (read !== sent) throw new Problem(400, 'text-invalid');
    }
    return next();
  });
}

/** The members of a JSON body. @throws Problem 415 or 400 */
export async function readJson(c: Context<Env>): Promise<Map<string, unknown>> {
  if (contentType(c) !== 'application/json') throw new Problem(415, 'unsupported-type');
  let body: unknown;
  try {
    body = JSON.parse(decodeText(await readBytes(c, BODY_LIMIT)));
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

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Bytes that are no UTF-8 are refused: replacing them would change a text. */
function decodeText(bytes: ArrayBuffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Problem(400, 'text-invalid');
  }
}

/**
 * The body. One that is too large is read on and thrown away: what the sender has not got rid of
 * when the answer comes would end the connection, and with it the requests behind this one.
 */
async function readBytes(c: Context<Env>, limit: number): Promise<ArrayBuffer> {
  const declared = c.req.header('Transfer-Encoding') ? undefined : c.req.header('Content-Length');
  if (Number(declared) <= limit) return c.req.arrayBuffer();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    size += chunk.byteLength;
    if (size <= limit) chunks.push(chunk);
    if (size > DISCARD_LIMIT) break;
  }
  if (size > limit) throw new Problem(413, 'too-large');
  return new Blob(chunks).arrayBuffer();
}
