/** Reads `Cookie` and writes `Set-Cookie`; no other module does. */
import type { Context } from 'hono';
import { generateCookie } from 'hono/cookie';
import type { CookieOptions } from 'hono/utils/cookie';
import type { Config } from '../config.ts';
import type { Env } from './env.ts';

/** The values of all cookies of this name, in the order in which the browser sent them. */
export function readCookies(c: Context<Env>, name: string): string[] {
  const header = c.req.header('Cookie');
  // The usual case: most requests do not have the cookie.
  if (!header?.includes(`${name}=`)) return [];
  return header
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(`${name}=`))
    .map((cookie) => cookie.slice(name.length + 1));
}

/** The default attributes of our cookies. */
export const cookieOptions = ({ prefix, publicUrl }: Config) =>
  ({
    path: prefix || '/',
    httpOnly: true,
    // Lax, not Strict: the redirect from Naver is cross-site and has to carry the cookies.
    sameSite: 'Lax',
    secure: publicUrl.startsWith('https:'),
  }) satisfies CookieOptions;

/** Adds a cookie to the response, also to an error response; an empty value deletes the cookie. */
export function sendCookie(c: Context<Env>, name: string, value: string, options: CookieOptions) {
  const cookie = generateCookie(name, value, value === '' ? { ...options, maxAge: 0 } : options);
  c.set('cookies', [...(c.get('cookies') ?? []), cookie]);
}
