/** The app in this process, on the real Redis; requests go to it without a network. */

import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, inject, onTestFinished } from 'vitest';
import { createApp } from '../app.tsx';
import { readConfig } from '../config.ts';
import { type AppContext, createContext } from '../context.ts';
import { readAssets } from '../node/assets.ts';

/** The built static files. */
export const assets = readAssets(new URL('../../dist/assets.json', import.meta.url));

/** A connection to the tests' Redis that ends with the test (or the file, when made outside). */
export function connect(): Redis {
  const redis = new Redis(inject('redisUrl'));
  const end = () => redis.disconnect();
  try {
    onTestFinished(end);
  } catch {
    afterAll(end); // made for the whole file
  }
  return redis;
}

/** An id that no other test has. */
export const newId = () => `t${randomBytes(9).toString('base64url')}`;

export const ORIGIN = 'http://localhost:8000';

export interface TestAppOptions {
  /** added to a plain configuration for http://localhost:8000 */
  env?: Record<string, string>;
  deps?: Partial<AppContext>;
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
  const context = createContext(
    config,
    { redis, bulk: redis, subscriber: connect() },
    {
      assets,
      log: {
        debug: write('debug'),
        info: write('info'),
        warn: write('warn'),
        error: write('error'),
      },
      shutdown: new AbortController().signal,
    },
  );
  const { memos, sessions } = context;
  const app = createApp({ ...context, ...deps });

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
