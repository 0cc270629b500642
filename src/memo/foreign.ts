/**
 * Elements of a list of memos that memo did not write. memo.py stores whatever JSON object a client
 * sends; manual edits in Redis may be neither JSON nor UTF-8.
 */
import { fromLatin1, toLatin1 } from './bytes.ts';

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** All spellings of the name "id" in JSON. */
const ID = ['id', '\\u0069d', 'i\\u0064', '\\u0069\\u0064'];

const decoder = new TextDecoder();

/**
 * Finds an object's own members named "id". One pass over any bytes.
 * @returns for each, the number of bytes before its name, including the quote; ascending
 */
export function findIds(json: Uint8Array): number[] {
  const found: number[] = [];
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
    else if (byte === QUOTE) {
      const start = at + 1;
      at = findQuote(json, start);
      const isName = depth === 1 && json[skipSpace(json, at + 1)] === COLON;
      if (isName && ID.includes(decoder.decode(json.subarray(start, at)))) found.push(start);
    }
  }
  return found;
}

/**
 * The JSON string of an element that is no object, to become the text of a memo. Bytes beyond ASCII
 * stay as they are, even if they are no UTF-8.
 * @returns undefined for an object
 */
export function quote(element: Uint8Array): Uint8Array | undefined {
  if (element[skipSpace(element, 0)] === OPEN_BRACE) return undefined;
  return fromLatin1(JSON.stringify(toLatin1(element)));
}

/** The index of the quote that ends a string, at least the length if there is none. */
function findQuote(json: Uint8Array, at: number): number {
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}

function skipSpace(json: Uint8Array, at: number): number {
  while (json[at] === 0x20 || (json[at]! >= 0x09 && json[at]! <= 0x0d)) at++;
  return at;
}
