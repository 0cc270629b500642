/**
 * `npm start` and `npm run dev`: builds and runs the server, with a private Redis and a stand-in for Naver
 * if their variables are missing. With `--watch`, it rebuilds and restarts after every change.
 *
 * Everything ends with the parent process, npm, even if npm is killed. package.json starts this with
 * `exec`, so that no shell is in between, which could outlive npm.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { readConfig } from '../src/config.ts';
import { serverOptions, writeAssets } from './build.ts';
import { startNaverStandIn } from './naver.ts';
import { findRedis, startRedis } from './redis.ts';

const ROOT = resolve(import.meta.dirname, '..');
const DATA = resolve('data');

/** Interval of the checks for the parent process, in ms. */
const PARENT_CHECK = 500;
/** Delay of a rebuild after the last change, in ms: an editor writes a file in several steps. */
const SETTLED = 100;

const watches = process.argv.includes('--watch');
const env = { ...process.env };
const lines: string[] = [];
const ends: (() => Promise<unknown>)[] = [];
let server: ChildProcess | undefined;
let stopping = false;

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => void stop());
// A killed parent sends no signal; its children get another parent process.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) void stop();
}, PARENT_CHECK);

try {
  await run();
} catch (error) {
  await stop(error instanceof Error ? error.message : String(error));
}

async function run(): Promise<void> {
  // In production, a missing Redis or Naver variable is an error.
  const isDevelopment = env.NODE_ENV !== 'production';
  const standIn = isDevelopment && !env.NAVER_CLIENT_ID && !env.NAVER_CLIENT_SECRET;
  const privateRedis = isDevelopment && !env.REDIS_URL;
  // Checks all other variables before anything is started.
  const config = readConfig({
    ...env,
    ...(privateRedis && { REDIS_URL: 'redis://localhost' }),
    ...(standIn && { NAVER_CLIENT_ID: 'stand-in', NAVER_CLIENT_SECRET: 'stand-in' }),
  });

  if (privateRedis) {
    await findRedis(console.log); // a download takes seconds, so it is announced
    const redis = await startRedis({ dir: DATA });
    ends.push(() => redis.stop());
    void redis.exited.then(() => stop('the private Redis has ended; see data/redis.log'));
    env.REDIS_URL = redis.url;
    lines.push(`Redis  ${redis.program.version}, private; memos are kept in ${DATA}`);
  } else {
    lines.push(
      `Redis  ${config.redis.nodes.map(({ host, port }) => `${host}:${port}`).join(', ')}`,
    );
  }

  if (standIn) {
    const naver = await startNaverStandIn({ callbackUrls: [`${config.publicUrl}/oauth2`] });
    ends.push(() => naver.close());
    env.NAVER_CLIENT_ID = naver.clientId;
    env.NAVER_CLIENT_SECRET = naver.clientSecret;
    env.NAVER_AUTH_URL = env.NAVER_API_URL = naver.url;
    lines.push(
      `Naver  a stand-in at ${naver.url}; set NAVER_CLIENT_ID and _SECRET for the real one`,
    );
  } else {
    lines.push(`Naver  ${config.naver.authUrl}`);
  }

  if (watches) {
    await watchSources();
  } else {
    await buildAll();
    startServer();
  }
  await untilReady(config.port, config.host);
  if (stopping) return;
  console.log(`\n${lines.join('\n')}\nmemo   ${config.publicUrl}\n`);
}

async function buildAll(): Promise<void> {
  await Promise.all([writeAssets(), build(serverOptions)]);
}

function startServer(): void {
  server = spawn(process.execPath, ['dist/index.js'], {
    cwd: ROOT,
    env,
    // The server treats the end of this channel as SIGINT. It also ends when this process is killed.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // A process group of its own: Ctrl-C reaches only this process, which forwards it once.
    detached: true,
  });
  const child = server;
  child.once('exit', (code) => {
    // The server has printed the reason. In watch mode, the next change may fix it.
    if (child === server && !stopping && !watches) void stop('', code ?? 1);
  });
}

async function endServer(): Promise<void> {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise((resolve) => server?.once('exit', resolve));
  server.kill('SIGINT');
  await ended;
}

/** Rebuilds and restarts after every change of a source, one at a time. */
async function watchSources(): Promise<void> {
  let work = restart();
  let timer: NodeJS.Timeout | undefined;
  // Not esbuild's watch mode: its process can outlive this one when this is killed.
  watch(resolve(ROOT, 'src'), { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      work = work.then(restart);
    }, SETTLED);
  });
  await work;
}

async function restart(): Promise<void> {
  try {
    await buildAll();
  } catch {
    return; // esbuild has printed the error
  }
  await endServer();
  if (!stopping) startServer();
}

/** Resolves when the server responds: the address is printed last. */
async function untilReady(port: number, host = 'localhost'): Promise<void> {
  const url = `http://${host === '0.0.0.0' || host === '::' ? 'localhost' : host}:${port}/healthz`;
  while (!stopping) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await delay(50);
  }
}

/** Ends the server, then all else that was started, then this process. Later calls do nothing. */
async function stop(message = '', code = message ? 1 : 0): Promise<void> {
  if (stopping) return;
  stopping = true;
  if (message) console.error(`memo: ${message}`);
  await endServer();
  for (const end of ends.reverse()) await end();
  process.exit(code);
}
