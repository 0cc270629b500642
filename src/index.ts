import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { pino } from 'pino';
import { createApp } from './app.tsx';
import { compress } from './compress.ts';
import { type Config, readConfig } from './config.ts';
import { createEvents } from './events.ts';
import { createRateLimiter } from './limits.ts';
import { createMemoStore } from './memos.ts';
import { createNaver } from './naver.ts';
import { checkRedis, connectRedis, connectSubscriber } from './redis.ts';
import { createSessionStore } from './sessions.ts';

// From the first moment: a process with the id 1 ignores signals that nobody has asked for.
const signalled = new Promise<NodeJS.Signals>((resolve) => {
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
});

// hono/jsx takes an AsyncLocalStorage where it finds one, for components that wait for something. None
// of ours does, and before Node 24 it slows every promise of the process.
Object.assign(process, { getBuiltinModule: undefined });

const config = readConfigOrExit();
// Not synchronous: whoever reads the log may stall, and must not stall the server with it. Nor line
// by line: each write is a call of the system and wakes another thread. Node makes the pipe that it
// offers as `stdout` non-blocking: a thread that waits for a reader would keep the process from ending.
void process.stdout;
const output = pino.destination({
  sync: false,
  minLength: 8192,
  periodicFlush: 100, // ms
  maxLength: 4 << 20,
});
const log = pino(
  { level: config.logLevel, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
  output,
);
const redis = await connectRedis(config.redis, log);
const subscriber = await connectSubscriber(redis);
const stop = new AbortController();

const app = createApp({
  config,
  memos: createMemoStore(redis),
  events: createEvents(redis, subscriber),
  limiter: createRateLimiter(redis),
  sessions: createSessionStore(redis),
  naver: createNaver(config, fetch),
  assets: JSON.parse(readFileSync(new URL('assets.json', import.meta.url), 'utf8')),
  compress,
  log,
  checkStorage: () => checkRedis(redis),
  shutdown: stop.signal,
});

const server = serve({
  fetch: app.fetch,
  port: config.port,
  hostname: config.host,
  serverOptions: {
    // Longer than the balancer's 60 s: it must be the one that closes an idle connection.
    keepAliveTimeout: 75_000,
    headersTimeout: 15_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 5_000,
  },
}) as Server;
// A reader who stops reading holds an answer in memory; after one to two times as long, no more.
server.setTimeout(60_000);
const answers = new Set<ServerResponse>();
server.on('request', (_, answer) => {
  answers.add(answer);
  answer.once('close', () => answers.delete(answer));
});
server.once('listening', () => log.info({ url: config.publicUrl, port: config.port }, 'listening'));
server.once('error', (error) => exit(`cannot listen on port ${config.port}: ${error.message}`));

const signal = await signalled;
log.info({ signal }, 'stopping');
stop.abort();
// The balancer needs a moment to see that we are not ready; whoever pressed Ctrl-C does not.
if (signal === 'SIGTERM') await delay(5_000);
// Not HTTP's own `close`: it ends connections whose answer is written, but not yet sent.
NetServer.prototype.close.call(server);
for (const end = Date.now() + 15_000; answers.size > 0 && Date.now() < end; ) await delay(20);
subscriber.disconnect();
await redis.quit().catch(() => redis.disconnect());
log.info({}, 'stopped');
output.end();
await Promise.race([once(output, 'close').catch(() => {}), delay(1_000)]);
output.destroy(); // or what nobody reads would be waited for once more
process.exit(0);

function readConfigOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    return exit(error instanceof Error ? error.message : String(error));
  }
}

function exit(message: string): never {
  process.stderr.write(`memo: ${message}\n`);
  process.exit(1);
}
