/** The built server as its own process, as an operator runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { inject, onTestFinished } from 'vitest';
import { NODE_OPTIONS } from '../../scripts/node-options.ts';
import { findFreePort } from '../../scripts/redis.ts';

const ENTRY = new URL('../../dist/index.js', import.meta.url).pathname;

export interface Server {
  url: string;
  port: number;
  child: ChildProcess;
  /** what it wrote so far, a line each */
  lines: string[];
  stderr: string;
  /** the exit code, null after a signal */
  exited: Promise<number | null>;
  /** resolves with the first line, written already or to come, that the pattern fits */
  line(pattern: RegExp): Promise<string>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts it on a free port and does not wait for anything. It ends with the test; outside of a test, or
 * with `outlivesTest`, the caller stops it.
 */
export async function spawnServer(
  env: Record<string, string> = {},
  { outlivesTest = false } = {},
): Promise<Server> {
  const port = Number(env.PORT ?? (await findFreePort()));
  const child = spawn(process.execPath, [ENTRY], {
    env: {
      PATH: process.env.PATH,
      NODE_OPTIONS,
      PORT: String(port),
      REDIS_URL: inject('redisUrl'),
      NAVER_CLIENT_ID: 'id',
      NAVER_CLIENT_SECRET: 'secret',
      WRITES_PER_MINUTE: '0',
      LOGINS_PER_MINUTE: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const lines: string[] = [];
  const waiting = new Set<(line: string) => void>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(line);
    for (const tell of waiting) tell(line);
  });
  const server: Server = {
    url: env.PUBLIC_URL ?? `http://localhost:${port}`,
    port,
    child,
    lines,
    stderr: '',
    exited,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const tell = (line: string) => {
          if (!pattern.test(line)) return;
          waiting.delete(tell);
          resolve(line);
        };
        waiting.add(tell);
        for (const line of lines) tell(line);
        exited.then((code) => reject(new Error(`ended with ${code}: ${server.stderr}`)));
      }),
    stop: (signal = 'SIGINT') => {
      child.kill(signal);
      return exited;
    },
  };
  child.stderr!.on('data', (data) => {
    server.stderr += data;
  });
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  exited.then(() => process.off('exit', kill));
  try {
    if (!outlivesTest) onTestFinished(kill);
  } catch {
    // Started for the whole file.
  }
  return server;
}

/** Starts it as `spawnServer` does, and waits until it listens. */
export async function startServer(
  env: Record<string, string> = {},
  options: { outlivesTest?: boolean } = {},
): Promise<Server> {
  for (;;) {
    const server = await spawnServer(env, options);
    const error = await server.line(/"msg":"listening"/).then(
      () => undefined,
      (error) => error,
    );
    if (!error) return server;
    // Another process may take a port between the search for it and the start.
    if (env.PORT || !server.stderr.includes('cannot listen on port')) throw error;
  }
}
