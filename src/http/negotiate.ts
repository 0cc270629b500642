/** What a client accepts (RFC 9110 §12.5): media types, content codings, languages. */
import { parseAccept } from 'hono/utils/accept';

/** The accepted values in lower case, by weight, then by order; without those of weight 0. */
const parse = (header = '') =>
  parseAccept(header)
    .filter(({ q }) => q > 0)
    .map(({ type }) => type.toLowerCase());

/** Whether an `Accept` header names a media type that matches; wildcards do not count. */
export const acceptsType = (accept: string | undefined, type: RegExp): boolean =>
  parse(accept).some((name) => type.test(name));

/** Content codings, in our order of preference. */
export const CODINGS = ['zstd', 'br', 'gzip'] as const;
export type Coding = (typeof CODINGS)[number];

/** Compresses responses that are made for one request: speed matters more than size. */
export interface Compressor {
  /** the supported codings, the preferred one first */
  codings: readonly Coding[];
  compress(
    body: Uint8Array<ArrayBuffer>,
    coding: Coding,
  ): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
}

/** The first of these codings that an `Accept-Encoding` header names; undefined if none. */
export function preferredCoding<C extends Coding>(
  acceptEncoding: string | undefined,
  codings: readonly C[],
): C | undefined {
  const accepted = parse(acceptEncoding);
  return codings.find((coding) => accepted.includes(coding));
}

/** The language that an `Accept-Language` header prefers among these; undefined if none. */
export function preferredLanguage<L extends string>(
  acceptLanguage: string | undefined,
  languages: readonly L[],
): L | undefined {
  const accepted = parse(acceptLanguage).map((tag) => tag.split('-', 1)[0]);
  return accepted.flatMap((tag) => languages.find((language) => language === tag) ?? [])[0];
}
