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
