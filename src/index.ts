import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createApp } from './app.tsx';
import { type Config, readConfig } from './config.ts';
import { Flights } from './http/flights.ts';
import { createSearches } from './http/searches.ts';
import { securityHeaders } from './middleware/security-headers.ts';
import { createNaver } from './naver.ts';
import { compressor } from './node/compress.ts';
import { createLog } from './node/log.ts';
import { checkRedis, connectAnother, connectRedis, watchEviction } from './node/redis.ts';
import { serve } from './node/serve.ts';
import { createEvents } from './store/changes.ts';
import { createMemoStore } from './store/memos.ts';
import { createRateLimiter } from './store/rate-limits.ts';
import { createSessionStore } from './store/sessions.ts';

// From the first moment: a process with the id 1 ignores signals that nobody has asked for.
const signalled = new Promise<NodeJS.Signals>((resolve) => {
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  // `npm start` has a channel to its server, which breaks when it is killed. Elsewhere there is none.
  if (process.connected === false) resolve('SIGINT');
  else process.once('disconnect', () => resolve('SIGINT'));
});

const config = readConfigOrExit();
const { log, end: endLog } = createLog(config.logLevel);
const redis = await connectRedis(config.redis, log);
// Lists of memos are long replies: the short ones must not wait behind them.
const [bulk, subscriber] = await Promise.all([connectAnother(redis), connectAnother(redis)]);
const events = createEvents(redis, subscriber);
const flights = new Flights();
const stop = new AbortController();

const app = createApp({
  config,
  memos: createMemoStore(redis, { bulk, storagePerPerson: config.storagePerPerson }),
  events,
  limiter: createRateLimiter(redis),
  sessions: createSessionStore(redis, Date.now, (userId) => events.publishEnd(userId)),
  naver: createNaver(config, fetch),
  flights,
  searches: createSearches(),
  assets: JSON.parse(readFileSync(new URL('assets.json', import.meta.url), 'utf8')),
  compressor,
  log,
  checkStorage: () => Promise.all([checkRedis(redis), bulk.ping()]),
  storageWarning: watchEviction(redis, log),
  shutdown: stop.signal,
});

const { server, countUnanswered, stopAccepting } = serve(app, {
  headers: securityHeaders(config.publicUrl.startsWith('https:')),
  isCrowded: () => flights.isCrowded(),
});
server.once('listening', () => log.info({ url: config.publicUrl, port: config.port }, 'listening'));
server.once('error', (error) => exit(`cannot listen on port ${config.port}: ${error.message}`));
server.listen(config.port, config.host);

const signal = await signalled;
log.info({ signal }, 'stopping');
stop.abort();
// The balancer needs a moment to see that we are not ready; whoever pressed Ctrl-C does not.
if (signal === 'SIGTERM') await delay(5_000);
stopAccepting();
for (const end = Date.now() + 15_000; countUnanswered() > 0 && Date.now() < end; ) await delay(20);
subscriber.disconnect();
for (const client of [bulk, redis]) await client.quit().catch(() => client.disconnect());
log.info({}, 'stopped');
await endLog();
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
