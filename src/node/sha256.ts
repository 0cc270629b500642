import { hash } from 'node:crypto';

/**
 * SHA-256 in hex. Node's own, at once: `crypto.subtle` goes to another thread and back for each
 * request's cookie, which takes ten times as long. Other servers of the Web's standards have it, too.
 */
export const sha256 = (text: string): string => hash('sha256', text);
