import { hash } from 'node:crypto';

/**
 * SHA-256 in hex. Node's own, at once: `crypto.subtle` goes to another thread and back for each
 * request's cookie, which takes ten times as long. Other servers of the Web's standards have it, too.
 */
export const sha256 = (text: string): string => hash('sha256', text);

/**
 * Bytes as a key of a `Map`: a character for each, which takes a part of the time that it takes to
 * read them as UTF-8. Only Node's `Buffer` makes such strings.
 */
export const bytesAsKey = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
