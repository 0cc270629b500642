/** What the application is made of: the one wiring, of the server and of the tests. */
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

/** Connections to one Redis. */
export interface RedisConnections {
  redis: RedisClient;
  /** for lists of memos, which are long replies: short ones must not wait behind them */
  bulk: RedisClient;
  /** a subscribed connection can do nothing else */
  subscriber: RedisClient;
}

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
  /** resolves when Redis can be read and written */
  checkStorage: () => Promise<unknown>;
  /** what the operator has to change although Redis can be used, in a sentence */
  storageWarning: () => string | undefined;
  /** aborted when shutdown begins: the server is not ready any more, and closes connections */
  shutdown: AbortSignal;
}

/**
 * Creates the stores on these connections, and all else that requests share.
 * @returns `destroy` disconnects from Redis, after the commands under way
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
