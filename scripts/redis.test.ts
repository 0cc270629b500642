import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findRedis, type PrivateRedis, startRedis } from './redis.ts';

vi.setConfig({ testTimeout: 20_000 });

let home: string;
let started: PrivateRedis[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'memo redis '));
  started = [];
});

afterEach(async () => {
  await Promise.all(started.map((redis) => redis.kill()));
  await rm(home, { recursive: true });
});

async function start(options: Partial<Parameters<typeof startRedis>[0]> = {}) {
  const redis = await startRedis({ dir: join(home, '메모 "data"'), ...options });
  started.push(redis);
  return redis;
}

/** Runs one command on its own connection. */
async function command(url: string, name: string, ...args: string[]): Promise<unknown> {
  const client = new Redis(url, { retryStrategy: () => null });
  client.on('error', () => {}); // the command rejects with it
  try {
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const isGone = (pid: number) => vi.waitFor(() => expect(isAlive(pid)).toBe(false), 5000);

/** A process that starts a Redis and does nothing else. */
async function startParent(): Promise<{ parent: ChildProcess; redis: PrivateRedis }> {
  const script = `
    const { startRedis } = await import(${JSON.stringify(new URL('redis.ts', import.meta.url))});
    console.log(JSON.stringify(await startRedis({ dir: ${JSON.stringify(join(home, 'data'))} })));
    setInterval(() => {}, 1000);
  `;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(parent.stdout!, 'data');
  return { parent, redis: JSON.parse(line) };
}

test('a Redis starts on a new folder, writes to disk at once, and requires its password', async () => {
  const redis = await start();
  expect(await command(redis.url, 'PING')).toBe('PONG');
  expect(redis.url).toBe(`redis://:${redis.password}@127.0.0.1:${redis.port}`);
  expect((await findRedis()).version).toBe(redis.program.version);
  // A write is acknowledged after fsync: a power failure loses no acknowledged write.
  for (const [name, value] of [
    ['appendonly', 'yes'],
    ['appendfsync', 'always'],
  ] as const) {
    expect(Object.values((await command(redis.url, 'CONFIG', 'GET', name)) as object)).toContain(
      value,
    );
  }

  await expect(command(`redis://127.0.0.1:${redis.port}`, 'PING')).rejects.toThrow();
  expect((await stat(redis.dir)).mode & 0o077).toBe(0);
  expect((await stat(join(redis.dir, 'redis.conf'))).mode & 0o077).toBe(0);
  const commandLine = await readFile(`/proc/${redis.pid}/cmdline`, 'utf8').catch(() => '');
  expect(commandLine).not.toContain(redis.password);
});

test('data is kept by a stop and a start of a Redis', async () => {
  const before = await start();
  await command(before.url, 'SET', 'memo', '우유');
  await before.stop();
  expect(isAlive(before.pid)).toBe(false);
  expect(await before.exited).toBe(0);

  const after = await start();
  expect(await command(after.url, 'GET', 'memo')).toBe('우유');
});

test('an acknowledged write survives a crash of Redis', async () => {
  const before = await start();
  const client = new Redis(before.url, { retryStrategy: () => null });
  client.on('error', () => {});
  let acknowledged = 0;
  const writing = (async () => {
    while (true) acknowledged = await client.incr('memos');
  })().catch(() => {});
  await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(100), 5000);
  await before.kill();
  await writing;
  client.disconnect();
  expect(await before.exited).toBe(null);

  const after = await start();
  const stored = Number(await command(after.url, 'GET', 'memos'));
  expect(stored).toBeGreaterThanOrEqual(acknowledged);
});

test('a second Redis on the same folder is refused, and the first continues to run', async () => {
  const first = await start();
  await expect(start()).rejects.toThrow(`Another memo is running on the data folder ${first.dir}`);
  expect(await command(first.url, 'PING')).toBe('PONG');
});

test('a stopped (SIGSTOP) Redis still owns its folder, and can be shut down', async () => {
  const first = await start();
  process.kill(first.pid, 'SIGSTOP');
  await expect(start()).rejects.toThrow('Another memo is running');
  await first.stop();
  expect(await first.exited).toBe(0);
});

test('a Redis that cannot start rejects with the reason', async () => {
  const { port } = await start();
  await expect(start({ dir: join(home, 'other'), port })).rejects.toThrow(/already in use/);
  await expect(start({ config: { maxmemory: 'a lot' }, dir: join(home, 'new') })).rejects.toThrow(
    /argument must be a memory value/,
  );
});

test('passwords and settings of a Redis may contain any character', async () => {
  const password = `p@ss "word" \\ 'x' #\t비밀`;
  const redis = await start({ password, config: { 'proc-title-template': '{title} "memo"' } });
  expect(await command(redis.url, 'PING')).toBe('PONG');
  const setting = await command(redis.url, 'CONFIG', 'GET', 'proc-title-template');
  expect(Object.values(setting as object)).toContain('{title} "memo"');
});

test('a Redis ends when its parent is killed, and its folder can be used again', async () => {
  const { parent, redis } = await startParent();
  await command(redis.url, 'SET', 'memo', '우유');
  parent.kill('SIGKILL');
  const next = await start({ dir: redis.dir });
  expect(await command(next.url, 'GET', 'memo')).toBe('우유');
  await isGone(redis.pid);
});

test('a stopped (SIGSTOP) Redis ends when its parent is killed', async () => {
  const { parent, redis } = await startParent();
  process.kill(redis.pid, 'SIGSTOP');
  parent.kill('SIGKILL');
  await isGone(redis.pid);
});

test('killing or stopping a Redis that has ended is no error', async () => {
  const redis = await start();
  process.kill(redis.pid, 'SIGKILL');
  await Promise.all([redis.kill(), redis.stop(), redis.kill()]);
  expect(await redis.exited).toBe(null);
});

test('a Redis on a folder that cannot be created rejects at once', async () => {
  const file = join(home, 'file');
  await writeFile(file, '');
  await expect(startRedis({ dir: join(file, 'data') })).rejects.toThrow('ENOTDIR');
});
