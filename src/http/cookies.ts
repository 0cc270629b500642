/** The one place that reads `Cookie` and writes `Set-Cookie`. */
import type { Context } from 'hono';
import { generateCookie } from 'hono/cookie';
import type { CookieOptions } from 'hono/utils/cookie';
import type { Config } from '../config.ts';
import type { Env } from './env.ts';

/** The values of all cookies of this name, in the order in which the browser sent them. */
export function readCookies(c: Context<Env>, name: string): string[] {
  const header = c.req.header('Cookie');
  // Most requests have no cookie of most names.
  if (!header?.includes(`${name}=`)) return [];
  return header
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(`${name}=`))
    .map((cookie) => cookie.slice(name.length + 1));
}

/** The attributes of all our cookies, unless one says otherwise. */
export const cookieOptions = ({ prefix, publicUrl }: Config) =>
  ({
    path: prefix || '/',
    httpOnly: true,
    // Lax, not Strict: Naver's redirect comes from another site and has to bring the cookies.
    sameSite: 'Lax',
    secure: publicUrl.startsWith('https:'),
  }) satisfies CookieOptions;

/** Sends a cookie with the response, whatever that will be; an empty value deletes it. */
export function sendCookie(c: Context<Env>, name: string, value: string, options: CookieOptions) {
  const cookie = generateCookie(name, value, value === '' ? { ...options, maxAge: 0 } : options);
  c.set('cookies', [...(c.get('cookies') ?? []), cookie]);
}
