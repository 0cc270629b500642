/** The app in this process, on the real Redis; requests go to it without a network. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { inject, onTestFinished } from 'vitest';
import { createApp } from '../app.tsx';
import { readConfig } from '../config.ts';
import type { Dependencies } from '../http/env.ts';
import { Flights } from '../http/flights.ts';
import { createSearches } from '../http/searches.ts';
import { createNaver } from '../naver.ts';
import { compressor } from '../node/compress.ts';
import { checkRedis } from '../node/redis.ts';
import { createEvents } from '../store/changes.ts';
import { createMemoStore } from '../store/memos.ts';
import { createRateLimiter } from '../store/rate-limits.ts';
import { createSessionStore } from '../store/sessions.ts';

/** The built static files. */
export const assets = JSON.parse(
  readFileSync(new URL('../../dist/assets.json', import.meta.url), 'utf8'),
);

/** A connection to the tests' Redis that ends with the test (or the file, when made outside). */
export function connect(): Redis {
  const redis = new Redis(inject('redisUrl'));
  try {
    onTestFinished(() => redis.disconnect());
  } catch {
    // Made for the whole file: ends with its process.
  }
  return redis;
}

/** An id that no other test has. */
export const newId = () => `t${randomBytes(9).toString('base64url')}`;

export const ORIGIN = 'http://localhost:8000';

export interface TestAppOptions {
  /** added to a plain configuration for http://localhost:8000 */
  env?: Record<string, string>;
  deps?: Partial<Dependencies>;
}

/** The app with everything real; its log is kept in `log`, one string a line. */
export function createTestApp({ env = {}, deps = {} }: TestAppOptions = {}) {
  const redis = connect();
  const config = readConfig({
    REDIS_URL: inject('redisUrl'),
    NAVER_CLIENT_ID: 'id',
    NAVER_CLIENT_SECRET: 'secret',
    WRITES_PER_MINUTE: '0',
    LOGINS_PER_MINUTE: '0',
    ...env,
  });
  const log: string[] = [];
  const write = (level: string) => (fields: object, message: string) => {
    log.push(JSON.stringify({ level, ...fields, message }));
  };
  const memos = createMemoStore(redis, { storagePerPerson: config.storagePerPerson });
  const events = createEvents(redis, connect());
  const sessions = createSessionStore(redis, Date.now, (userId) => events.publishEnd(userId));
  const app = createApp({
    config,
    memos,
    events,
    limiter: createRateLimiter(redis),
    sessions,
    naver: createNaver(config, fetch),
    flights: new Flights(),
    searches: createSearches(),
    assets,
    compressor,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    checkStorage: () => checkRedis(redis),
    storageWarning: () => undefined,
    shutdown: new AbortController().signal,
    ...deps,
  });

  /** Somebody who is logged in: sends requests with their cookie. */
  async function logIn(id = newId(), name = '김메모') {
    const cookie = `userId=${await sessions.begin({ id, name })}`;
    const request = (path: string, init: RequestInit = {}) =>
      app.request(path, { ...init, headers: { Cookie: cookie, ...init.headers } });
    const send = (method: string, path: string, body: unknown, headers: object = {}) =>
      request(path, {
        method,
        body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json', ...headers },
      });
    const post = (path: string, fields: Record<string, string>, headers: object = {}) =>
      request(path, { method: 'POST', body: new URLSearchParams(fields), headers: { ...headers } });
    /** What Redis holds of this person, oldest first. */
    const stored = () => redis.lrange(`user:${id}:memos`, 0, -1);
    return { id, name, cookie, request, send, post, stored };
  }

  return { app, redis, config, memos, sessions, log, logIn };
}
