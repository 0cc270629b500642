/** Connects to each kind of Redis: a single one, one behind a sentinel, and a cluster of three. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect as connectSocket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findFreePort, findRedis, type PrivateRedis, startRedis } from '../../scripts/redis.ts';
import { readConfig } from '../config.ts';
import { parseMemo } from '../memo/stored-memo.ts';
import { createMemoStore } from '../store/memos.ts';
import { createSessionStore } from '../store/sessions.ts';
import { newId } from '../testing/app.ts';
import { checkRedis, connectRedis, watchEviction } from './redis.ts';

const PASSWORD = 'p%ss:w@rd';
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'memo-redis-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Starts a Redis for this test. */
async function start(name: string, config: Record<string, string> = {}): Promise<PrivateRedis> {
  const redis = await startRedis({ dir: join(dir, name), password: PASSWORD, config });
  onTestFinished(() => redis.kill());
  return redis;
}

/** Connects as the server does with this REDIS_URL. */
async function connect(redisUrl: string) {
  const { redis } = readConfig({
    REDIS_URL: redisUrl,
    NAVER_CLIENT_ID: 'id',
    NAVER_CLIENT_SECRET: 'secret',
  });
  const log: string[] = [];
  const write = (fields: object, message: string) =>
    log.push(JSON.stringify({ message, ...fields }));
  const client = await connectRedis(redis, { info: write, error: write });
  onTestFinished(() => client.disconnect());
  return { client, log };
}

/** Runs every operation of the stores, for people whose keys are on all nodes. */
async function useStores(client: Awaited<ReturnType<typeof connectRedis>>) {
  const memos = createMemoStore(client);
  const sessions = createSessionStore(client);
  await checkRedis(client);
  for (let person = 0; person < 20; person++) {
    const id = newId();
    const session = await sessions.find(await sessions.begin({ id, name: '김메모' }));
    expect(session?.userId).toBe(id);
    expect(session?.name).toBe('김메모');
    const added = await memos.append(id, '장보기', 'key');
    if (added.status !== 'created') throw new Error(added.status);
    const memo = parseMemo(added.memo);
    await memos.edit(id, memo.id, { text: '장보기!', pin: true }, memo.id);
    await memos.remove(id, memo.id);
    await memos.restore(id, memo.id);
    expect((await memos.pinned(id)).map((stored) => parseMemo(stored).text)).toEqual(['장보기!']);
    expect((await memos.page(id, 10)).memos.length).toBe(1);
    await sessions.end(session!);
  }
}

const auth = `:${encodeURIComponent(PASSWORD)}@`;

test('a single Redis is used with its password and database', async () => {
  const redis = await start('single');
  const { client, log } = await connect(`redis://${auth}127.0.0.1:${redis.port}/3`);
  await useStores(client);
  const second = new Redis(redis.url, { db: 3 });
  onTestFinished(() => second.disconnect());
  expect((await second.keys('user:*:memos')).length).toBe(20);
  expect(log.join()).toContain('Redis is connected');
  expect(log.join()).not.toContain(PASSWORD);
});

test('keys are spread over all three nodes of a cluster', async () => {
  const config = { 'cluster-enabled': 'yes', masterauth: PASSWORD };
  const nodes = [await start('a', config), await start('b', config), await start('c', config)];
  const clients = nodes.map((node) => {
    const client = new Redis(node.url);
    onTestFinished(() => client.disconnect());
    return client;
  });
  for (const [i, client] of clients.entries()) {
    const slots = [0, 5461, 10923, 16384];
    await client.cluster('ADDSLOTSRANGE', slots[i]!, slots[i + 1]! - 1);
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
  }
  for (const node of nodes.slice(1)) await clients[0]!.cluster('MEET', '127.0.0.1', node.port);
  await expect
    .poll(async () => Promise.all(clients.map((client) => client.cluster('INFO'))), {
      timeout: 20_000,
    })
    .toSatisfy((infos: string[]) =>
      infos.every((info) => /state:ok/.test(info) && /known_nodes:3/.test(info)),
    );
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const { client } = await connect(`redis+cluster://${auth}${hosts}`);
  await useStores(client);
  const sizes = await Promise.all(clients.map((node) => node.dbsize()));
  for (const size of sizes) expect(size).toBeGreaterThan(5);
});

describe('the warning that Redis may delete memos when its memory is full', () => {
  /** Connects, and waits for the reply to INFO. */
  async function watch(redisUrl: string) {
    const { client } = await connect(redisUrl);
    const log: string[] = [];
    const warning = watchEviction(client, {
      error: (fields, message) => log.push(JSON.stringify({ message, ...fields })),
    });
    await client.get('x'); // its reply comes after that to INFO
    return { client, log, warning };
  }

  test('is logged for allkeys policies after each connection', async () => {
    const redis = await start('evicting', { 'maxmemory-policy': 'allkeys-lfu' });
    const { log, warning } = await watch(redis.url);
    expect(warning()).toMatch(/may delete memos .*allkeys-lfu.* noeviction/);
    expect(log.map((line) => JSON.parse(line))).toEqual([
      { message: warning(), policy: 'allkeys-lfu' },
    ]);

    const admin = new Redis(redis.url);
    onTestFinished(() => admin.disconnect());
    await admin.config('SET', 'maxmemory-policy', 'allkeys-random');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect.poll(warning).toContain('allkeys-random');
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect.poll(warning).toBeUndefined();
    expect(log).toHaveLength(2);
  });

  test('is given for a cluster', async () => {
    const node = await start('evicting-node', {
      'cluster-enabled': 'yes',
      'cluster-announce-ip': '127.0.0.1', // which a node learns from others otherwise
      'maxmemory-policy': 'allkeys-lru',
    });
    const admin = new Redis(node.url);
    onTestFinished(() => admin.disconnect());
    await admin.cluster('ADDSLOTSRANGE', 0, 16383);
    await expect.poll(() => admin.cluster('INFO'), { timeout: 20_000 }).toContain('state:ok');
    const { warning } = await watch(`redis+cluster://${auth}127.0.0.1:${node.port}`);
    await expect.poll(warning).toContain('allkeys-lru');
  });

  test('is not given for volatile policies, or if an ACL forbids INFO', async () => {
    const redis = await start('keeping', { 'maxmemory-policy': 'volatile-lru' });
    const keeping = await watch(redis.url);
    const admin = new Redis(redis.url);
    onTestFinished(() => admin.disconnect());
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await admin.call('ACL', 'SETUSER', 'memo', 'on', '>secret', '~*', '+@all', '-info');
    const silent = await watch(`redis://memo:secret@127.0.0.1:${redis.port}`);
    for (const { log, warning } of [keeping, silent]) {
      expect(warning()).toBeUndefined();
      expect(log).toEqual([]);
    }
  });
});

test('a command times out after a second without a reply, but not if the process was busy', async () => {
  const redis = await start('busy');
  const { client } = await connect(redis.url);
  const answer = client.set('busy', '1');
  const busy = new Promise<void>((resolve) =>
    setImmediate(() => {
      const end = performance.now() + 1500; // longer than a command may take
      while (performance.now() < end);
      resolve();
    }),
  );
  expect(await answer).toBe('OK');
  await busy;

  process.kill(redis.pid, 'SIGSTOP');
  await expect(client.set('busy', '2')).rejects.toThrow('Command timed out');
  process.kill(redis.pid, 'SIGCONT');
  await expect.poll(() => client.get('busy').catch(() => null)).not.toBeNull();
});

test('a reply that arrived while the process was busy is read before the command times out', async () => {
  const redis = await start('late');
  const { client } = await connect(redis.url);
  // The timer of this command becomes that of the next one after a second.
  await client.set('late', '1');
  const sent = performance.now();
  const at = (ms: number) => delay(sent + ms - performance.now());
  await at(500);
  const answer = client.blpop('nothing', 0.8); // Redis replies at 1,300 ms
  await at(1150);
  await immediate(); // then the event loop runs timers before it reads
  while (performance.now() < sent + 1600); // busy while the command's second ends, at 1,500 ms
  expect(await answer).toBeNull();
});

test('the host name is resolved again when the primary has become a replica', async () => {
  const [former, present] = [await start('former'), await start('present')];
  let port = former.port;
  const name = createServer((client) => {
    const redis = connectSocket(port, '127.0.0.1');
    client.pipe(redis).pipe(client);
    for (const socket of [client, redis]) socket.on('error', () => {}); // the other end is gone
  }).listen(0, '127.0.0.1');
  await once(name, 'listening');
  onTestFinished(() => void name.close());
  const { client } = await connect(
    `redis://${auth}127.0.0.1:${(name.address() as AddressInfo).port}`,
  );
  expect(await client.set('memo', '1')).toBe('OK');

  port = present.port;
  const admin = new Redis(former.url);
  onTestFinished(() => admin.disconnect());
  await admin.call('REPLICAOF', '127.0.0.1', String(present.port));
  await expect(client.set('memo', '2')).rejects.toThrow('READONLY');
  await expect.poll(() => client.set('memo', '3').catch(String)).toBe('OK');
  const second = new Redis(present.url);
  onTestFinished(() => second.disconnect());
  expect(await second.get('memo')).toBe('3');
});

test('the primary is found by a sentinel', async () => {
  const primary = await start('primary');
  const port = await findFreePort();
  const file = join(dir, 'sentinel.conf');
  await writeFile(file, `port ${port}\nbind 127.0.0.1\ndir ${dir}\n`);
  const program = await findRedis();
  const sentinel = spawn(program.path, [file, '--sentinel'], {
    env: { ...process.env, ...program.env },
    stdio: 'ignore',
  });
  onTestFinished(() => void sentinel.kill('SIGKILL'));
  const admin = new Redis(port, { enableReadyCheck: false });
  admin.on('error', () => {}); // until it listens
  onTestFinished(() => admin.disconnect());
  await admin.call('SENTINEL', 'MONITOR', 'memo', '127.0.0.1', primary.port, 1);
  await admin.call('SENTINEL', 'SET', 'memo', 'auth-pass', PASSWORD);
  const { client } = await connect(`redis+sentinel://${auth}127.0.0.1:${port}/memo`);
  await useStores(client);
});

test('without Redis, or with a wrong password, commands reject at once, and one line says why', async () => {
  const { client, log } = await connect(`redis://127.0.0.1:${await findFreePort()}`);
  // In the same turn of the event loop: a command that waits for the next attempt would reject later.
  const outcome = client.get('x').then(String, (error: Error) => error.message);
  expect(await Promise.race([outcome, immediate('it waits')])).toMatch("Stream isn't writeable");
  expect(log).toEqual([expect.stringContaining('ECONNREFUSED')]);

  const redis = await start('locked');
  const locked = await connect(`redis://:wrong@127.0.0.1:${redis.port}`);
  await expect(locked.client.get('x')).rejects.toThrow();
  expect(locked.log).toEqual([expect.stringContaining('WRONGPASS')]);
});
