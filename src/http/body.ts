/** Reads request bodies up to a limit, and parses them as a form or as JSON. */
import type { Context } from 'hono';
import { DISCARDED_BODY_BYTES, FORM_FIELDS, SMALL_FLIGHT_BYTES } from '../memo/bounds.ts';
import { isRecord } from '../memo/stored-memo.ts';
import { yieldNow } from '../memo/yielding.ts';
import type { Env, Form } from './env.ts';
import { Problem } from './problem.ts';

export const FORM_TYPE = 'application/x-www-form-urlencoded';
export const JSON_TYPE = 'application/json';

/** Reads a form and sets `form`. @throws Problem `too-large`, `text-invalid` or `busy` */
export async function readForm(c: Context<Env>, limit: number): Promise<void> {
  const bytes = await readBytes(c, limit);
  if (bytes.byteLength > SMALL_FLIGHT_BYTES) await yieldNow();
  c.set('form', parseForm(bytes));
}

/** The members of the JSON body. @throws Problem 415 if there is none, 400 if it is no object */
export function requireJson(c: Context<Env>): Map<string, unknown> {
  const bytes = c.get('json');
  if (bytes === undefined) throw new Problem('unsupported-type');
  const source = decodeText(bytes);
  let body: unknown;
  try {
    body = JSON.parse(source);
  } catch {
    throw new Problem('not-json');
  }
  if (!isRecord(body)) throw new Problem('not-json');
  return new Map(Object.entries(body));
}

/** The fields of the posted form. @throws Problem 415 if the body is not a form */
export function requireForm(c: Context<Env>): Form {
  const form = c.get('form');
  if (!form) throw new Problem('unsupported-type');
  return form;
}

/** The media type of the body without parameters; empty if the request names none. */
export function contentType(c: Context<Env>): string {
  return (c.req.header('Content-Type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** @throws Problem 413 for too many fields, 400 for invalid UTF-8 */
function parseForm(bytes: Uint8Array): Form {
  const source = decodeText(bytes);
  if (source.split('&', FORM_FIELDS + 1).length > FORM_FIELDS) throw new Problem('too-large');
  const fields = new URLSearchParams(source);
  // URLSearchParams replaces invalid UTF-8 by U+FFFD: then it returns more of them than were sent.
  const sent = source.match(/\ufffd|%EF%BF%BD/gi)?.length ?? 0;
  const read = [...fields].flat().join('').split('\ufffd').length - 1;
  if (read !== sent) throw new Problem('text-invalid');
  // A form sends CRLF for every line end (HTML's form submission); the text has LF.
  return new Map([...fields].map(([name, value]) => [name, value.replace(/\r\n?/g, '\n')]));
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Decodes UTF-8. Invalid bytes are refused, because replacing them would change the text. */
function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Problem('text-invalid');
  }
}

const EMPTY = new Uint8Array();

/** Reads up to `limit` bytes of body. @throws Problem 413 if it is longer, 503 if there is no room */
export async function readBytes(c: Context<Env>, limit: number): Promise<Uint8Array> {
  const { incoming } = c.env ?? {};
  const flight = c.get('flight');
  // A small body has arrived by now: read at once, it needs no stream and no turn of the event loop.
  if (incoming?.complete) {
    // The size is given because without one, Node 26 returns a single chunk.
    const all: Uint8Array = incoming.read(incoming.readableLength) ?? EMPTY;
    if (all.byteLength > limit) throw new Problem('too-large');
    flight.hold(all.byteLength);
    return all;
  }
  let bytes: Uint8Array = EMPTY;
  let size = 0;
  // Leaving the loop must not destroy the request: the connection would close without a response.
  const chunks = incoming ? incoming.iterator({ destroyOnReturn: false }) : c.req.raw.body;
  for await (const chunk of chunks ?? []) {
    const end = size + chunk.byteLength;
    if (end > DISCARDED_BODY_BYTES) throw new Problem('too-large');
    if (end > limit) {
      // The rest is read and discarded, see DISCARDED_BODY_BYTES.
      bytes = EMPTY;
      flight.hold(0);
    } else if (size === 0) {
      bytes = chunk;
    } else {
      if (end > bytes.byteLength) bytes = grow(bytes, size, Math.min(limit, 2 * end));
      bytes.set(chunk, size);
    }
    size = end;
    if (size <= limit) flight.hold(bytes.byteLength);
  }
  if (size > limit) throw new Problem('too-large');
  return bytes.subarray(0, size);
}

function grow(bytes: Uint8Array, size: number, capacity: number): Uint8Array {
  const larger = new Uint8Array(capacity);
  larger.set(bytes.subarray(0, size));
  return larger;
}
