/** Starts the servers and the load generator, each in its own process. */

import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MALLOC_ARENA_MAX, NODE_MAJOR, NODE_OPTIONS } from '../node-options.ts';
import { findFreePort, type PrivateRedis } from '../redis.ts';
import type { Done, Job } from './load.ts';
import { childrenOf } from './proc.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** The servers' address in a browser. */
export const PUBLIC_URL = 'http://localhost:8000';

/** The rate limit runs, but refuses no request. */
export const WRITES_PER_MINUTE = '1000000';

export interface Server {
  /** `http://127.0.0.1:<port>` */
  origin: string;
  /** the started process */
  pid: number;
  /** the processes that handle requests */
  workers: number[];
  stop(): Promise<void>;
}

/** Children end with this process, unless it is killed by SIGKILL. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) kill(child);
});

function kill({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL'); // the process group, with its own children
  } catch {
    // The process has ended already.
  }
}

function keep<T extends ChildProcess>(child: T): T {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/**
 * Starts a server and waits until it listens. Its stdout goes to a file, as in production.
 * @param log the path of this file
 */
async function startServer(command: string[], env: Record<string, string>, log: string) {
  const port = Number(env.PORT);
  const output = openSync(log, 'a');
  const [program = '', ...args] = command;
  const child = keep(
    spawn(program, args, {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', output, 'inherit'],
      detached: true,
    }),
  );
  const exited = once(child, 'exit');
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    await sleep(1);
  }
  const stop = async () => {
    kill(child);
    await exited;
  };
  return { origin: `http://127.0.0.1:${port}`, pid: child.pid!, workers: [child.pid!], stop };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** The Node, the Redis and the folder of a server. */
export interface Surroundings {
  /** the Node program of the servers */
  node: string;
  privateRedis: PrivateRedis;
  /** a temporary folder, deleted after the run */
  work: string;
}

/**
 * The path of the image's Node, from a package with only the binary, which is downloaded once.
 * Delete the folder to get a newer version.
 */
export function findImageNode(): string {
  const folder = join(ROOT, 'node_modules/.cache', `memo-node-${NODE_MAJOR}`);
  const name = `node-linux-${process.arch}`;
  const program = join(folder, 'node_modules', name, 'bin/node');
  if (!existsSync(program)) {
    const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts'];
    // npm's output goes to stderr, because the tables go to stdout.
    execFileSync('npm', [...args, `${name}@${NODE_MAJOR}`], { stdio: ['ignore', 2, 2] });
  }
  return program;
}

/** Starts a built program, with the image's settings. */
async function startBuilt(
  { node, privateRedis, work }: Surroundings,
  name: string,
  own: Record<string, string>,
): Promise<Server> {
  const env = {
    NODE_ENV: 'production',
    NODE_OPTIONS,
    MALLOC_ARENA_MAX,
    NODE_COMPILE_CACHE: join(ROOT, 'dist/cache'),
    NODE_COMPILE_CACHE_PORTABLE: '1',
    PORT: String(await findFreePort()),
    REDIS_URL: privateRedis.url,
    WRITES_PER_MINUTE,
    ...own,
  };
  return startServer([node, join(ROOT, 'dist', name)], env, join(work, 'servers.log'));
}

/** Starts the built server, configured as in production. */
export const startMemo = (on: Surroundings) =>
  startBuilt(on, 'index.js', { PUBLIC_URL, NAVER_CLIENT_ID: 'id', NAVER_CLIENT_SECRET: 'secret' });

/** Starts the floor. @param canned the file with its responses, see floor.ts */
export const startFloor = (on: Surroundings, canned: string) =>
  startBuilt(on, 'bench/floor.js', { CANNED: canned });

/**
 * Starts memo.py's design under gunicorn with two workers. With threads, because gunicorn's default
 * workers close connections after each response; the other servers do not.
 * @returns undefined if no Python has Flask, redis and gunicorn
 */
export async function startMemoPy(redisUrl: string, work: string): Promise<Server | undefined> {
  const python = ['/usr/bin/python3', 'python3'].find((program) => {
    try {
      execFileSync(program, ['-c', 'import flask, redis, gunicorn'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  if (!python) return undefined;
  const port = await findFreePort();
  const args = ['-m', 'gunicorn', '--workers=2', '--worker-class=gthread', '--threads=4'];
  args.push('--keep-alive=75', `--bind=127.0.0.1:${port}`, `--chdir=${import.meta.dirname}`);
  args.push('--log-level=warning', 'memo:app');
  const env = { PORT: String(port), REDIS_URL: redisUrl, PYTHONDONTWRITEBYTECODE: '1' };
  const server = await startServer([python, ...args], env, join(work, 'memo.py.log'));
  // gunicorn listens before its workers run.
  while (childrenOf(server.pid).length < 2) await sleep(10);
  return { ...server, workers: childrenOf(server.pid) };
}

export interface Loader {
  /** Rejects if a request failed, because the measurement is then invalid. */
  load(job: Job): Promise<Done>;
  stop(): void;
}

/** Runs a file of this folder in a process that ends when it is disconnected. */
export function forkChild(file: string): ChildProcess {
  return keep(fork(join(import.meta.dirname, file), { detached: true }));
}

/** Starts the load generator, which runs several jobs at once. */
export function startLoader(): Loader {
  const child = forkChild('load.ts');
  type Reply = { done?: Done; error?: string };
  const waiting = new Map<number, (reply: Reply) => void>();
  let id = 0;
  child.on('message', (reply: Reply & { id: number }) => {
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  child.once('exit', () => {
    for (const settle of waiting.values()) settle({ error: 'the load ended' });
  });
  return {
    async load(job) {
      id++;
      const replied = new Promise<Reply>((resolve) => waiting.set(id, resolve));
      child.send({ id, job });
      const { done, error } = await replied;
      if (!done) throw new Error(error);
      const { path } = job.requests[0]!;
      if (done.failed > 0) throw new Error(`${done.failed} requests for ${path} failed`);
      if (done.requests === 0) throw new Error(`no request for ${path} got a response`);
      return done;
    },
    stop: () => void child.disconnect(),
  };
}
