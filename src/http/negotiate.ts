/** What a client accepts (RFC 9110 §12.5): media types, content codings, languages. */
import { parseAccept } from 'hono/utils/accept';

/** The accepted values, lower case, by weight and then by order; those of weight 0 are refused. */
const parse = (header = '') =>
  parseAccept(header)
    .filter(({ q }) => q > 0)
    .map(({ type }) => type.toLowerCase());

/** Whether an `Accept` header names a media type that matches; wildcards name none. */
export const acceptsType = (accept: string | undefined, type: RegExp): boolean =>
  parse(accept).some((name) => type.test(name));

/** Content codings, in our order of preference. */
export const CODINGS = ['zstd', 'br', 'gzip'] as const;
export type Coding = (typeof CODINGS)[number];

/** Compresses what is made for one request: quickly rather than well. */
export interface Compressor {
  /** those that it can, the preferred one first */
  codings: readonly Coding[];
  compress(
    body: Uint8Array<ArrayBuffer>,
    coding: Coding,
  ): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
}

/** The first of these codings that an `Accept-Encoding` header names; undefined: none. */
export function preferredCoding<C extends Coding>(
  acceptEncoding: string | undefined,
  codings: readonly C[],
): C | undefined {
  const accepted = parse(acceptEncoding);
  return codings.find((coding) => accepted.includes(coding));
}

/** The client's preferred language of these; undefined: it names none of them. */
export function preferredLanguage<L extends string>(
  acceptLanguage: string | undefined,
  languages: readonly L[],
): L | undefined {
  const accepted = parse(acceptLanguage).map((tag) => tag.split('-', 1)[0] as L);
  return accepted.find((language) => languages.includes(language));
}
