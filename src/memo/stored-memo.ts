/**
 * The JSON that a memo is stored as. A memo is `{"id":…,"text":…}` and optionally "edited", "pin",
 * "key", "deleted"; other members are kept as they were written. "id" comes first.
 */
import { joinBytes } from './bytes.ts';

/**
 * A stored memo. The store returns a single memo as a string and many memos as their bytes, because
 * most of those go on to the wire without being decoded.
 */
export type StoredMemo = string | MemoBytes;

/** A stored memo as UTF-8. */
export type MemoBytes = Uint8Array;

/** What the application reads of a stored memo. */
export interface Memo {
  /** creation time in µs, or a small number where nothing dates a memo of memo.py's */
  id: number;
  text: string;
  /** µs */
  edited?: number;
  /** µs; only in the trash */
  deleted?: number;
  pin: boolean;
}

/** Some of many memos, newest first, and the cursor of those that follow. */
export interface MemoPage {
  memos: MemoBytes[];
  next?: number;
}

/** Stored memos as the members of a JSON array. */
export const joinMembers = (memos: Uint8Array[]) => joinBytes(memos, COMMA);

const COMMA = 0x2c;
// Keeps a BOM, as the client does that makes strings of what it reads.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const encoder = new TextEncoder();
/** Bytes of a text as UTF-8. */
export const countBytes = (text: string) => encoder.encode(text).length;

/** A stored memo's JSON; what is no UTF-8 becomes U+FFFD. */
export const jsonOf = (stored: StoredMemo) =>
  typeof stored === 'string' ? stored : decoder.decode(stored);

/** The id in front of a stored memo. */
export function idOf(stored: StoredMemo): number {
  // All of the id and a little more: most of what is long need not be decoded.
  const start = jsonOf(stored.slice(0, 40));
  return Number(/^\{"id":(\d+)/.exec(start)?.[1]);
}

/**
 * Reads a stored memo, whoever wrote it: members of an unexpected type count as missing, and what
 * has no text is shown as it is stored.
 */
export function parseMemo(stored: StoredMemo): Memo {
  const json = jsonOf(stored);
  const { text, edited, deleted, pin } = parseObject(json);
  return {
    id: idOf(json),
    text: typeof text === 'string' ? text : json,
    ...(Number.isSafeInteger(edited) && { edited: edited as number }),
    ...(Number.isSafeInteger(deleted) && { deleted: deleted as number }),
    pin: pin === true,
  };
}

/** The members of a JSON object; none of anything else, which only a hand in Redis writes. */
export function parseObject(json: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(json));
  } catch {
    return {};
  }
}

/** The version of a memo's text: changes with every edit, and only then. */
export function versionOf(memo: Memo): number {
  return memo.edited ?? memo.id;
}

/** Values as JSON source; undefined takes the member out. */
export type MemberSources = Map<string, string | undefined>;

/**
 * Sets members of a JSON object in its source text. The others keep their exact source, which
 * parsing and printing would change (numbers beyond 2^53, `1.0`, repeated names).
 */
export function setMembers(json: string, members: MemberSources): string {
  const left = new Map(members);
  const sources: string[] = [];
  const write = (name: string, value: string | undefined) => {
    if (value !== undefined) sources.push(`${name}:${value}`);
  };
  for (const [source, value] of membersOf(json)) {
    const name = JSON.parse(source) as string;
    write(source, members.has(name) ? left.get(name) : value);
    left.delete(name);
  }
  for (const [name, value] of left) write(JSON.stringify(name), value);
  return `{${sources.join(',')}}`;
}

/** Top-level members of a JSON object: the sources of name and value. */
function membersOf(json: string): [name: string, value: string][] {
  const members: [string, string][] = [];
  let depth = 0;
  let start = 0;
  let colon = 0;
  for (const { 0: token, index } of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g)) {
    const closes = token === '}' || token === ']';
    if (depth === 1 && (token === ',' || closes) && colon > start) {
      members.push([json.slice(start, colon).trim(), json.slice(colon + 1, index).trim()]);
      start = index + 1;
    }
    if (depth === 1 && token === ':') colon = index;
    if (token === '{' || token === '[') {
      depth++;
      if (depth === 1) start = index + 1;
    } else if (closes) depth--;
  }
  return members;
}
