import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import {
  DISCARDED_BODY_BYTES,
  FORM_FIELDS,
  SMALL_BODY_BYTES,
  SMALL_FLIGHT_BYTES,
} from '../memo/bounds.ts';
import { yieldNow } from '../memo/yielding.ts';
import type { SessionStore } from '../store/sessions.ts';
import { lookUpSession } from './session.ts';

/** The fields of a form post. */
export type Form = Map<string, string>;

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

/**
 * Looks the session up, and then reads the body: a form of anybody's, as a text in it comes back
 * whatever else fails, and JSON only of whoever has a session. A session that was ended while the
 * body was on its way is none any more.
 * @param options.sessions undefined: the session does not matter
 * @param options.limit in bytes
 * @throws Problem 413, 400, or 503 when the process has no room for more
 */
export function readBody({
  sessions,
  limit = SMALL_BODY_BYTES,
}: {
  sessions?: SessionStore;
  limit?: number | undefined;
}) {
  return createMiddleware<Env>(async (c, next) => {
    const hasBody = c.req.method !== 'GET' && c.req.method !== 'HEAD';
    const type = hasBody ? contentType(c) : '';
    try {
      if (sessions) await lookUpSession(c, sessions);
    } catch (error) {
      if (type === FORM) await readForm(c, limit);
      throw error;
    }
    const session = c.get('session');
    const isThere = c.env?.incoming?.complete === true;
    if (type === FORM) await readForm(c, limit);
    else if (type === JSON_TYPE && session) c.set('json', await readBytes(c, limit));
    else return next();
    if (session && !isThere && !(await sessions!.isOpen(session))) c.set('session', undefined);
    return next();
  });
}

async function readForm(c: Context<Env>, limit: number): Promise<void> {
  const bytes = await readBytes(c, limit);
  if (bytes.byteLength > SMALL_FLIGHT_BYTES) await yieldNow();
  c.set('form', parseForm(bytes));
}

/** The members of a JSON body. @throws Problem 415 or 400 */
export function requireJson(c: Context<Env>): Map<string, unknown> {
  const bytes = c.get('json');
  if (bytes === undefined) throw new Problem(415, 'unsupported-type');
  const source = decodeText(bytes);
  let body: unknown;
  try {
    body = JSON.parse(source);
  } catch {
    throw new Problem(400, 'not-json');
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

/** @throws Problem 413 for too many fields, 400 for what is no UTF-8 */
function parseForm(bytes: Uint8Array): Form {
  const source = decodeText(bytes);
  if (source.split('&', FORM_FIELDS + 1).length > FORM_FIELDS) throw new Problem(413, 'too-large');
  const fields = new URLSearchParams(source);
  // What is no UTF-8 became U+FFFD: more of them than were sent.
  const sent = source.match(/\ufffd|%EF%BF%BD/gi)?.length ?? 0;
  const read = [...fields].flat().join('').split('\ufffd').length - 1;
  if (read !== sent) throw new Problem(400, 'text-invalid');
  // A form sends CRLF for every line end (HTML's form submission); the text has LF.
  return new Map([...fields].map(([name, value]) => [name, value.replace(/\r\n?/g, '\n')]));
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Bytes that are no UTF-8 are refused: replacing them would change a text. */
function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Problem(400, 'text-invalid');
  }
}

const EMPTY = new Uint8Array();

/** The body, counted as it comes. @throws Problem 413 as soon as it is too large */
async function readBytes(c: Context<Env>, limit: number): Promise<Uint8Array> {
  const { incoming } = c.env ?? {};
  const flight = c.get('flight');
  // A small one is there by now: taken at once, it costs neither a stream nor a turn.
  if (incoming?.complete) {
    // All of it: without a size, Node 26 gives one piece at a time.
    const all: Uint8Array = incoming.read(incoming.readableLength) ?? EMPTY;
    if (all.byteLength > limit) throw new Problem(413, 'too-large');
    flight.hold(all.byteLength);
    return all;
  }
  let bytes: Uint8Array = EMPTY;
  let size = 0;
  // Not ended in the middle by leaving the loop: that would end the connection, unanswered.
  const chunks = incoming ? incoming.iterator({ destroyOnReturn: false }) : c.req.raw.body;
  for await (const chunk of chunks ?? []) {
    const end = size + chunk.byteLength;
    if (end > DISCARDED_BODY_BYTES) throw new Problem(413, 'too-large');
    if (end > limit) {
      // Read on and thrown away: see DISCARDED_BODY_BYTES.
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
  if (size > limit) throw new Problem(413, 'too-large');
  return bytes.subarray(0, size);
}

function grow(bytes: Uint8Array, size: number, capacity: number): Uint8Array {
  const larger = new Uint8Array(capacity);
  larger.set(bytes.subarray(0, size));
  return larger;
}
