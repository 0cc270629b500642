/** The `userId` cookie, which holds a session's token. Its name and path are those of memo.py. */
import type { Context } from 'hono';
import type { Config } from '../config.ts';
import { ABSOLUTE_LIMIT, TOKEN } from '../store/sessions.ts';
import { cookieOptions, readCookies, sendCookie } from './cookies.ts';
import type { Env } from './env.ts';

const NAME = 'userId';

/**
 * The distinct values of the cookie that have a token's shape. There can be several: other applications
 * on the host or domain can set cookies of this name.
 */
export function readSessionTokens(c: Context<Env>): string[] {
  const tokens = readCookies(c, NAME).filter((value) => TOKEN.test(value));
  return tokens.length > 1 ? [...new Set(tokens)] : tokens;
}

export function setSessionCookie(c: Context<Env>, config: Config, token: string): void {
  // memo.py, and memo without a prefix, set the cookie with the path `/`: it could be a second session.
  if (config.prefix && readCookies(c, NAME).length > 0) {
    sendCookie(c, NAME, '', { ...cookieOptions(config), path: '/' });
  }
  sendCookie(c, NAME, token, { ...cookieOptions(config), maxAge: ABSOLUTE_LIMIT / 1000 });
}

export function clearSessionCookie(c: Context<Env>, config: Config): void {
  sendCookie(c, NAME, '', cookieOptions(config));
}
