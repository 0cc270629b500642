import type { Context } from 'hono';
import type { Env } from './env.ts';

/** Whether a request's `Accept` names a media type that fits, and not to refuse it (RFC 9110 §12.5.1). */
export function accepts(c: Context<Env>, type: RegExp): boolean {
  const named = (c.req.header('Accept') ?? '').toLowerCase().split(',');
  return named.some((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim());
    return type.test(name) && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}

/** Content codings, the one that is preferred first. */
export const CODINGS = ['zstd', 'br', 'gzip'] as const;
export type Coding = (typeof CODINGS)[number];

/**
 * The best of these codings that the asker takes; undefined: none. One with weight 0 is refused (RFC
 * 9110 §12.5.3).
 */
export function preferredCoding<C extends Coding>(
  acceptEncoding = '',
  codings: readonly C[],
): C | undefined {
  const taken = acceptEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.split(';').map((part) => part.trim()))
    .filter(([, weight]) => !/^q=0(\.0*)?$/.test(weight ?? ''))
    .map(([name]) => name);
  return codings.find((coding) => taken.includes(coding));
}
