/**
 * What memo.py stores in a list of memos: whatever JSON object it is sent. And what a hand in Redis
 * writes there: bytes that need not be JSON, nor UTF-8.
 */

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** All that the name "id" can be written as. */
const ID = ['id', '\\u0069d', 'i\\u0064', '\\u0069\\u0064'];

const decoder = new TextDecoder();

/**
 * Where an object's own members named "id" are: for each, the number of bytes before its name, the
 * quote included. One pass over the bytes, whatever they are.
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
 * Bytes that are no object as the text of a memo: a JSON string in which those beyond ASCII stand as
 * they are; nothing for an object.
 */
export function quote(element: Uint8Array): Uint8Array | undefined {
  if (element[skipSpace(element, 0)] === OPEN_BRACE) return undefined;
  // biome-ignore-start lint/style/noRestrictedGlobals: of bytes, ioredis sends none but Buffers.
  const text = Buffer.from(element.buffer, element.byteOffset, element.length).toString('latin1');
  return Buffer.from(JSON.stringify(text), 'latin1');
  // biome-ignore-end lint/style/noRestrictedGlobals: as above
}

/** The index of the quote that ends a string, or where the bytes end. */
function findQuote(json: Uint8Array, at: number): number {
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}

function skipSpace(json: Uint8Array, at: number): number {
  while (json[at] === 0x20 || (json[at]! >= 0x09 && json[at]! <= 0x0d)) at++;
  return at;
}
