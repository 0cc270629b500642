/** All of them, one after the other, with the byte `separator` between them, if there is one. */
export function joinBytes(parts: Uint8Array[], separator?: number): Uint8Array<ArrayBuffer> {
  const gap = separator === undefined ? 0 : 1;
  let length = gap * Math.max(0, parts.length - 1);
  for (const part of parts) length += part.byteLength;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    if (separator !== undefined && at > 0) joined[at++] = separator;
    joined.set(part, at);
    at += part.byteLength;
  }
  return joined;
}
