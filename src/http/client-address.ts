import type { Context } from 'hono';
import type { Env } from './env.ts';

/**
 * The client's address: the peer's, or the one that the outermost of our proxies appended to
 * `X-Forwarded-For`; the client can forge the entries before it. IPv6 addresses are cut to their /64,
 * because one customer has all of it.
 * @param proxies how many of our proxies append to `X-Forwarded-For`
 */
export function clientAddress(c: Context<Env>, proxies: number): string {
  const peer = c.env?.incoming?.socket?.remoteAddress ?? '';
  const forwarded = (c.req.header('X-Forwarded-For') ?? '').split(',').map((it) => it.trim());
  const address = (proxies > 0 && forwarded.at(-proxies)) || peer;
  const v4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/.exec(address)?.[1];
  if (v4) return v4;
  const [head = '', tail] = address.replace(/^\[|\](?::\d+)?$/g, '').split('::');
  const groups = head.split(':').filter(Boolean);
  // `::` stands for groups of zeros, of which only those among the first four matter.
  const rest = tail?.split(':') ?? [];
  while (tail !== undefined && groups.length + rest.length < 8) groups.push('0');
  return [...groups, ...rest].slice(0, 4).join(':').slice(0, 64);
}
