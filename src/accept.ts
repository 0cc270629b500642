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

export type Coding = 'br' | 'gzip' | 'identity';

/** The smallest coding that the browser takes; one with weight 0 is refused (RFC 9110 §12.5.3). */
export function preferredCoding(acceptEncoding = ''): Coding {
  const taken = acceptEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.split(';').map((part) => part.trim()))
    .filter(([, weight]) => !/^q=0(\.0*)?$/.test(weight ?? ''))
    .map(([name]) => name);
  return (['br', 'gzip'] as const).find((coding) => taken.includes(coding)) ?? 'identity';
}
