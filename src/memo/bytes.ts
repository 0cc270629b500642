/** Concatenates byte arrays, with the byte `separator` between them if it is given. */
export function joinBytes(parts: Uint8Array[], separator?: number): Uint8Array<ArrayBuffer> {
  const gap = separator === undefined ? 0 : 1;
  let length = gap * Math.max(0, parts.length - 1);
  for (const part of parts) length += part.byteLength;
  const joined = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    if (separator !== undefined && i > 0) joined[at++] = separator;
    joined.set(parts[i]!, at);
    at += parts[i]!.byteLength;
  }
  return joined;
}

// biome-ignore-start lint/style/noRestrictedGlobals: the only byte arrays that ioredis sends are Buffers

/** Bytes as a string of one character each, whatever their encoding; JSON's own characters are ASCII. */
export const toLatin1 = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1');

/** The bytes of such a string. */
export const fromLatin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

// biome-ignore-end lint/style/noRestrictedGlobals: as above
