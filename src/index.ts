import { createApp } from './app.tsx';
import { ConfigError, readConfig } from './config.ts';
import { createContext } from './context.ts';
import { readAssets } from './node/assets.ts';
import { createLog } from './node/log.ts';
import { openConnections } from './node/redis.ts';
import { serve } from './node/serve.ts';

// First of all: a process with id 1 (a container's) ignores signals without a listener.
const signalled = new Promise<string>((resolve) => {
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  // scripts/start.ts opens an IPC channel to the server; it closes when that process is killed.
  if (process.connected === false) resolve('SIGINT');
  else process.once('disconnect', () => resolve('SIGINT'));
});

try {
  const config = readConfig(process.env);
  const { log, end: endLog } = createLog(config.logLevel);
  const shutdown = new AbortController();
  const assets = readAssets(new URL('assets.json', import.meta.url));
  const connections = await openConnections(config.redis, log);
  const context = createContext(config, connections, { assets, log, shutdown: shutdown.signal });
  const server = await serve(createApp(context), config, context.flights);
  log.info({ url: config.publicUrl, port: config.port }, 'listening');

  const signal = await signalled;
  log.info({ signal }, 'stopping');
  shutdown.abort();
  // After SIGTERM, the balancer needs time to notice; Ctrl-C should stop at once.
  await server.drain(signal === 'SIGTERM' ? config.shutdownDelay : 0);
  await context.destroy();
  log.info({}, 'stopped');
  await endLog();
  process.exit(0);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`memo: ${error.message}\n`);
  process.exit(1);
}
