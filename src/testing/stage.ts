/** A server and its Redis, to be broken: with clients that do what ours do, and a count of what holds. */

import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { type PrivateRedis, startRedis } from '../../scripts/redis.ts';
import type { RedisClient } from '../store/scripts.ts';
import { createSessionStore, randomToken } from '../store/sessions.ts';
import { SLOWLOG, watchScripts } from './slowlog.ts';

/** The longest that a request may take, whatever is broken, in ms; and a little for the machine. */
export const PATIENCE = 3_000;
const SLACK = 1_500;

/** A folder that goes with the test. */
export async function makeFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'memo-stage-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** A Redis that ends with the test. */
export async function startOwnRedis(options: Record<string, string> = {}, folder?: string) {
  const redis = await openRedis(options, folder ?? (await makeFolder()));
  onTestFinished(redis.end);
  return redis;
}

/**
 * A Redis until `end`, which fails when a script has held it up; `again` starts it anew on the same
 * data.
 */
export async function openRedis(options: Record<string, string>, dir: string) {
  const config = { ...SLOWLOG, ...options };
  let redis: PrivateRedis = await startRedis({ dir, config });
  const watched = [watchScripts(redis)];
  return {
    async end() {
      const slow = (await Promise.all(watched.map((scripts) => scripts.end()))).flat();
      await redis.kill();
      expect(slow, 'scripts that took Redis too long').toEqual([]);
    },
    url: redis.url,
    port: redis.port,
    password: redis.password,
    current: () => redis,
    async again() {
      const { port, password } = redis;
      redis = await startRedis({ dir, port, password, config });
      watched.push(watchScripts(redis));
    },
  };
}

/** A connection of the test's own, which comes back by itself. */
export function connectTo(url: string, options: RedisOptions = {}): Redis {
  const redis = new Redis(url, { retryStrategy: () => 50, ...options });
  redis.on('error', () => {}); // its Redis is stopped on purpose
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** Creates a person with a session, without a login. */
export async function createPerson(redis: RedisClient, id = randomToken()) {
  const cookie = `userId=${await createSessionStore(redis).begin({ id, name: '김메모' })}`;
  const stored = async () =>
    (await redis.lrange(`user:${id}:memos`, 0, -1)).map((it) => JSON.parse(it).text as string);
  return { id, cookie, stored };
}
export type Person = Awaited<ReturnType<typeof createPerson>>;

/** One request, its body as JSON unless it is a form; rejects when there is no answer in time. */
export async function ask(
  url: string,
  { cookie }: { cookie?: string },
  {
    method = 'GET',
    body,
    headers = {},
  }: { method?: string; body?: unknown; headers?: object } = {},
) {
  const isJson = body !== undefined && !(body instanceof URLSearchParams);
  const answer = await fetch(url, {
    method,
    redirect: 'manual',
    signal: AbortSignal.timeout(PATIENCE + SLACK),
    headers: {
      Accept: 'application/json',
      ...(cookie && { Cookie: cookie }),
      ...(isJson && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: isJson ? JSON.stringify(body) : (body as URLSearchParams | undefined),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** Goes to an address as a browser does; `fetch` always says that it is no navigation. */
export async function navigate(url: string, headers: Record<string, string> = {}) {
  const request = get(url, { headers: { ...headers, 'Sec-Fetch-Mode': 'navigate' } });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  const received = new Headers();
  for (const [name, values = []] of Object.entries(answer.headersDistinct)) {
    for (const value of values) received.append(name, value);
  }
  return { status: answer.statusCode, headers: received };
}

/**
 * Logs in at the Naver stand-in without a browser.
 * @param login the address where a login begins; the callback is asked at the same origin
 */
export async function logInWithNaver(login: string, naver: string, name: string) {
  const start = await navigate(login);
  const authorize = new URL(start.headers.get('Location')!);
  const agreed = await fetch(`${naver}/oauth2.0/consent`, {
    method: 'POST',
    body: new URLSearchParams({
      ...Object.fromEntries(authorize.searchParams),
      name,
      share: 'on',
      decision: 'agree',
    }),
    redirect: 'manual',
  });
  const callback = new URL(agreed.headers.get('Location')!);
  const [cookie] = start.headers.getSetCookie()[0]!.split(';', 1);
  const { origin } = new URL(login);
  const answer = await navigate(origin + callback.pathname + callback.search, {
    Accept: 'text/html',
    Cookie: cookie!,
  });
  return {
    state: authorize.searchParams.get('state')!,
    code: callback.searchParams.get('code')!,
    status: answer.status,
    /** of the session; empty when the login has failed */
    token: /userId=([\w-]+)/.exec(answer.headers.getSetCookie().join('\n'))?.[1] ?? '',
  };
}

/** What came of writers that went on whatever happened. */
export interface Tally {
  /** in the order in which each writer got them acknowledged */
  acknowledged: string[][];
  /** when each was acknowledged, by `performance.now()` */
  times: Map<string, number>;
  attempts: number;
  /** how often each answer came; 0: none */
  answers: Map<number, number>;
}

/**
 * Writes as the page does, several at once: each memo with a key, sent again until it is acknowledged.
 * @param urls of the server's pages; the next is tried when one fails
 * @param pause between two memos, in ms
 */
export function startWriters(urls: string[], person: Person, count = 4, pause = 0) {
  const tally: Tally = {
    acknowledged: Array.from({ length: count }, () => []),
    times: new Map(),
    attempts: 0,
    answers: new Map(),
  };
  let stopped = false;
  const work = async (writer: number) => {
    let at = writer;
    for (let n = 0; !stopped; n++) {
      const text = `${writer}-${n}`;
      const headers = { 'Idempotency-Key': `key ${text}` };
      for (;;) {
        tally.attempts++;
        const answer = await ask(`${urls[at % urls.length]}/memo`, person, {
          method: 'POST',
          body: { text },
          headers,
        }).catch(() => undefined);
        const status = answer?.status ?? 0;
        tally.answers.set(status, (tally.answers.get(status) ?? 0) + 1);
        if (status === 200 || status === 201) break;
        expect([0, 429, 503, 507]).toContain(status);
        at++;
        await delay(30);
      }
      tally.acknowledged[writer]!.push(text);
      tally.times.set(text, performance.now());
      if (pause > 0) await delay(pause);
    }
  };
  const done = Promise.all(tally.acknowledged.map((_, writer) => work(writer)));
  return {
    tally,
    /** Lets each finish what it has begun. */
    async stop() {
      stopped = true;
      await done;
      return tally;
    },
  };
}

/** What of the acknowledged is not stored, is stored twice, or out of its writer's order. */
export function compare({ acknowledged }: Tally, stored: string[]) {
  const places = new Map(stored.map((text, i) => [text, i]));
  const all = acknowledged.flat();
  return {
    acknowledged: all.length,
    lost: all.filter((text) => !places.has(text)),
    doubled: stored.filter((text, i) => places.get(text) !== i),
    disordered: acknowledged.flatMap((texts) =>
      texts.filter((text, i) => i > 0 && places.get(text)! < places.get(texts[i - 1]!)!),
    ),
  };
}

/** Waits until the server says that it can read and write. @returns how long that took, in ms */
export async function expectReady(url: string, timeout = 10_000): Promise<number> {
  const start = performance.now();
  const status = () => ask(`${url}/readyz`, {}).then((answer) => answer.status, String);
  await expect.poll(status, { timeout, interval: 30 }).toBe(200);
  return Math.round(performance.now() - start);
}

/** What a process holds of the machine: memory in MiB, and open files, sockets among them. */
export async function measure(pid: number): Promise<{ memory: number; files: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const files = await readdir(`/proc/${pid}/fd`);
  return { memory: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024, files: files.length };
}
