/** Creates all parts of the application: the only wiring, for the server and the tests. */
import type { Config } from './config.ts';
import type { Assets } from './http/assets.ts';
import { Flights } from './http/flights.ts';
import type { Log } from './http/log.ts';
import type { Compressor } from './http/negotiate.ts';
import { createSearches, type Searches } from './http/searches.ts';
import { createNaver, type Naver } from './naver.ts';
import { compressor } from './node/compress.ts';
import { checkRedis, watchEviction } from './node/redis.ts';
import { type Changes, createChanges } from './store/changes.ts';
import { createMemoStore, type MemoStore } from './store/memos.ts';
import { createRateLimiter, type RateLimiter } from './store/rate-limits.ts';
import type { RedisClient } from './store/scripts.ts';
import { createSessionStore, type SessionStore } from './store/sessions.ts';

/** Connections to the same Redis. */
export interface RedisConnections {
  redis: RedisClient;
  /** for lists of memos: short replies must not wait behind these long ones */
  bulk: RedisClient;
  /** for pub/sub: a subscribed connection can run no other command */
  subscriber: RedisClient;
}

/** What all requests share. */
export interface AppContext {
  config: Config;
  memos: MemoStore;
  changes: Changes;
  limiter: RateLimiter;
  sessions: SessionStore;
  naver: Naver;
  flights: Flights;
  searches: Searches;
  assets: Assets;
  compressor: Compressor;
  log: Log;
  /** resolves if Redis accepts writes and replies on both connections; else rejects */
  checkStorage: () => Promise<unknown>;
  /** a setting of Redis that the operator has to change, in a sentence; undefined: none */
  storageWarning: () => string | undefined;
  /** aborted when shutdown begins: then the server is not ready, and closes connections */
  shutdown: AbortSignal;
}

/**
 * Creates the context. It owns the connections from then on.
 * @returns the context; its `destroy` disconnects from Redis when pending commands are complete
 */
export function createContext(
  config: Config,
  { redis, bulk, subscriber }: RedisConnections,
  { assets, log, shutdown }: Pick<AppContext, 'assets' | 'log' | 'shutdown'>,
): AppContext & { destroy(): Promise<void> } {
  const changes = createChanges(redis, subscriber);
  return {
    config,
    memos: createMemoStore(redis, { bulk, storagePerPerson: config.storagePerPerson }),
    changes,
    limiter: createRateLimiter(redis),
    sessions: createSessionStore(redis, Date.now, (userId) => changes.publishEnd(userId)),
    naver: createNaver(config, fetch),
    flights: new Flights(),
    searches: createSearches(),
    assets,
    compressor,
    log,
    checkStorage: () => Promise.all([checkRedis(redis), bulk.ping()]),
    storageWarning: watchEviction(redis, log),
    shutdown,
    async destroy() {
      subscriber.disconnect();
      for (const client of [bulk, redis]) await client.quit().catch(() => client.disconnect());
    },
  };
}
