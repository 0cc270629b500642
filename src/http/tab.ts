import type { Context } from 'hono';
import type { Env } from './env.ts';

/** The browser tab that a request comes from, as our script names it; empty for other clients. */
export function tabOf(c: Context<Env>): string {
  const tab = c.req.header('Memo-Tab') ?? '';
  return /^\w{1,32}$/.test(tab) ? tab : '';
}
