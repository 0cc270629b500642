/**
 * `npm start` and `npm run dev`: builds the server and runs it, with a private Redis and a stand-in
 * for Naver where their variables are missing. With `--watch` it builds and starts anew on change.
 *
 * All of it ends with the process that started it, however that one ends: npm, which runs this in the
 * place of its shell (`exec`), so that there is nobody in between who could go on alone.
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

/** How often it is looked whether the parent is still there, in ms. */
const PARENT_CHECK = 500;
/** How long the sources have to be as they are, in ms: an editor writes in several steps. */
const SETTLED = 100;

const watches = process.argv.includes('--watch');
const env = { ...process.env };
const lines: string[] = [];
const ends: (() => Promise<unknown>)[] = [];
let server: ChildProcess | undefined;
let stopping = false;

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => void stop());
// Whoever is killed says nothing to its children: the system gives them another parent.
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
  // Production names its own Redis and Naver: what is missing there is a mistake to be told.
  const own = env.NODE_ENV !== 'production';
  const standIn = own && !env.NAVER_CLIENT_ID && !env.NAVER_CLIENT_SECRET;
  const privateRedis = own && !env.REDIS_URL;
  // Everything else has to be right before anything is started.
  const config = readConfig({
    ...env,
    ...(privateRedis && { REDIS_URL: 'redis://localhost' }),
    ...(standIn && { NAVER_CLIENT_ID: 'stand-in', NAVER_CLIENT_SECRET: 'stand-in' }),
  });

  if (privateRedis) {
    await findRedis(console.log); // fetching one takes a few seconds: say so
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
  await untilItAnswers(config.port, config.host);
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
    // It takes the end of the channel for a SIGINT: that comes even when this process is killed.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // Its own process group: Ctrl-C reaches us, and we pass it on once.
    detached: true,
  });
  const child = server;
  child.once('exit', (code) => {
    // It has said why. In watch mode the next change may mend it.
    if (child === server && !stopping && !watches) void stop('', code ?? 1);
  });
}

async function endServer(): Promise<void> {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise((resolve) => server?.once('exit', resolve));
  server.kill('SIGINT');
  await ended;
}

/** Builds and starts anew, one after the other, whenever a source has changed. */
async function watchSources(): Promise<void> {
  let work = restart();
  let timer: NodeJS.Timeout | undefined;
  // Not esbuild's own watching: its process can stay when this one is killed.
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
    return; // esbuild has said what is wrong
  }
  await endServer();
  if (!stopping) startServer();
}

/** Resolves when the server answers: the address is the last thing printed. */
async function untilItAnswers(port: number, host = 'localhost'): Promise<void> {
  const url = `http://${host === '0.0.0.0' || host === '::' ? 'localhost' : host}:${port}/healthz`;
  while (!stopping) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await delay(50);
  }
}

/** Ends what was started, the server first, and then this process. Called again, it does nothing. */
async function stop(message = '', code = message ? 1 : 0): Promise<void> {
  if (stopping) return;
  stopping = true;
  if (message) console.error(`memo: ${message}`);
  await endServer();
  for (const end of ends.reverse()) await end();
  process.exit(code);
}
