/**
 * The JSON of a stored memo: `{"id":…,"text":…}` with optional "edited", "pin", "key" and "deleted";
 * other members are kept as they were written. "id" comes first.
 */
import { joinBytes } from './bytes.ts';

/**
 * A stored memo. The store returns a single memo as a string, but lists of memos as bytes: most of
 * these go into the response without being decoded (docs/decisions/0002-memos-as-bytes.md).
 */
export type StoredMemo = string | MemoBytes;

/** A stored memo as UTF-8. */
export type MemoBytes = Uint8Array;

/** The members of a stored memo that the application reads. */
export interface Memo {
  /** creation time in µs, or a small number for a memo of memo.py's (see FIRST_DATE) */
  id: number;
  text: string;
  /** time of the last change of the text, in µs */
  edited?: number;
  /** time of the deletion, in µs; only in the trash */
  deleted?: number;
  pin: boolean;
}

/** A page of memos, newest first, and the cursor of the next page; undefined on the last one. */
export interface MemoPage {
  memos: MemoBytes[];
  next?: number;
}

/** Stored memos as the members of a JSON array. */
export const joinMembers = (memos: Uint8Array[]) => joinBytes(memos, COMMA);

const COMMA = 0x2c;
// Keeps a BOM, as ioredis does when it decodes strings.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const encoder = new TextEncoder();
/** The length of a text in bytes of UTF-8. */
export const countBytes = (text: string) => encoder.encode(text).length;

/** The JSON of a stored memo; bytes that are no UTF-8 become U+FFFD. */
export const jsonOf = (stored: StoredMemo) =>
  typeof stored === 'string' ? stored : decoder.decode(stored);

/** The id of a stored memo, NaN if memo.py wrote it and it has none yet. */
export function idOf(stored: StoredMemo): number {
  // Decodes no more than the longest id needs.
  const start = jsonOf(stored.slice(0, 40));
  return Number(/^\{"id":(\d+)/.exec(start)?.[1]);
}

/**
 * Reads a stored memo, also one that memo did not write: members of an unexpected type count as
 * missing, and without "text" the text is the JSON itself.
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

/** Whether a value of JSON is an object. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The members of a JSON object; none if the source is anything else. */
export function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

/** The version of a memo's text, in µs: changes with every edit of the text, and only then. */
export function versionOf(memo: Memo): number {
  return memo.edited ?? memo.id;
}

/** JSON sources of values by name; undefined removes the member. */
export type MemberSources = Map<string, string | undefined>;

/**
 * Sets members of a JSON object in its source. The other members keep their exact source, which
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

/** The sources of name and value of each top-level member of a JSON object. */
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
