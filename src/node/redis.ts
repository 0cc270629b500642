import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisTarget } from '../config.ts';
import { applyWorkarounds, reconnectOnReadonly } from './ioredis-workarounds.ts';

/** What the connection reports, one line for each change of fortune. */
export interface ConnectionLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Connects to Redis and keeps connecting for as long as the process lives.
 * @returns the client, at the latest after a few seconds: without a connection, its commands reject
 *   at once until it is back
 */
export async function connectRedis(
  target: RedisTarget,
  log: ConnectionLog,
): Promise<Redis | Cluster> {
  const options = {
    username: target.username,
    password: target.password,
    db: target.db,
    ...(target.tls && { tls: {} }),
    // Open when the caller is told to wait for it, not as a side effect of construction.
    lazyConnect: true,
    // A command that waits for a lost Redis holds a person's request; failing lets the page say so.
    enableOfflineQueue: false,
    // What was sent when the connection broke may have been done: its sender decides, not we.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2000,
    // A peer that is gone without a word: the socket is given up, and a new one tried, in ms.
    socketTimeout: 2000,
    // A Redis that reads its data guesses how long it will take, and may guess far too much: it is
    // asked again after this, in ms.
    maxLoadingRetryTime: 500,
    // Back within a second of Redis's return; a little apart from the other servers.
    retryStrategy: (times: number) => Math.min(100 * times, 1000) + Math.random() * 100,
    reconnectOnError: reconnectOnReadonly(),
    // What CLIENT LIST calls it.
    connectionName: 'memo',
  } satisfies RedisOptions;

  let client: Redis | Cluster;
  if (target.kind === 'cluster') {
    const { db, lazyConnect, enableOfflineQueue, retryStrategy, ...redisOptions } = options;
    client = new Cluster(target.nodes, {
      lazyConnect,
      enableOfflineQueue,
      redisOptions,
      clusterRetryStrategy: retryStrategy,
      // A node that restarts is reconnected, not only found again by a redirection.
      clusterNodeRetryStrategy: retryStrategy,
      // As such a node stays known, nothing else would ask who has taken its place, in ms.
      slotsRefreshInterval: 1000,
      // Certificates are issued for names, so names are what TLS connects to.
      ...(target.tls && { dnsLookup: (address, callback) => callback(null, address) }),
      // Commands on a failed node: rejected as elsewhere, not tried again behind our back.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
    });
  } else if (target.kind === 'sentinel') {
    client = new Redis({
      ...options,
      sentinels: target.nodes,
      name: target.master,
      enableTLSForSentinelMode: target.tls,
      sentinelRetryStrategy: options.retryStrategy,
      sentinelCommandTimeout: 1000,
      // Hears of a failover from the sentinels instead of from a dead socket.
      failoverDetector: true,
    });
  } else {
    client = new Redis({ ...options, ...target.nodes[0] });
  }

  applyWorkarounds(client);
  report(client, target, log);
  // A first failure is in the log already, and connecting goes on; the server starts all the same.
  await client.connect().catch(() => {});
  if (client instanceof Cluster) await connectNodes(client);
  return client;
}

/** A node is connected by the first command for it, which would be refused: so do it before that. */
async function connectNodes(cluster: Cluster): Promise<void> {
  const nodes = cluster.nodes('master').map((node) => {
    if (node.status === 'ready') return undefined;
    return node.status === 'wait' ? node.connect() : once(node, 'ready');
  });
  await Promise.race([Promise.allSettled(nodes), delay(2000)]);
}

/** An error of the network or of Redis; a cluster's wraps the one of the last node it tried. */
type Failure = Error & { code?: string; lastNodeError?: Failure };

/** Logs when Redis goes away, and why, and when it is back: not every attempt in between. */
function report(client: Redis | Cluster, target: RedisTarget, log: ConnectionLog): void {
  const where = target.nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  let reported: string | undefined;
  const lost = (error: Failure) => {
    const { message, code }: Failure = error.lastNodeError ?? error;
    const reason = code ?? (message || 'connection closed');
    if (reason === reported) return;
    reported = reason;
    log.error({ redis: where, reason }, 'Redis cannot be used; trying again until it can');
  };
  client.on('error', lost);
  client.on('close', () => {
    const isMeant = client.status === 'end';
    if (reported === undefined && !isMeant) lost(new Error('connection closed'));
  });
  client.on('ready', () => {
    reported = undefined;
    log.info({ redis: where }, 'Redis is connected');
  });
}

/** Resolves when Redis can be read and written. Its key lives for a minute. */
export async function checkRedis(redis: Redis | Cluster): Promise<void> {
  await redis.set('memo:ready', '1', 'EX', 60);
}

/**
 * Asks each Redis that is connected what it does when its memory is full, and logs an error if it
 * would delete whatever it likes (`maxmemory-policy` `allkeys-*`): memos, too. It may be a shared one,
 * so this is the operator's to change. In a cluster any node is asked; one that may not be asked is no
 * error. Not by CONFIG, which hosted ones forbid.
 * @returns the warning about the present one, if there is any
 */
export function watchEviction(
  redis: Redis | Cluster,
  log: Pick<ConnectionLog, 'error'>,
): () => string | undefined {
  let warning: string | undefined;
  const ask = async () => {
    if (redis instanceof Cluster) await connectNodes(redis);
    const info = await redis.info('memory').catch(() => '');
    const policy = /^maxmemory_policy:(allkeys-\S+)/m.exec(info)?.[1];
    warning = policy && `Redis may delete memos (maxmemory-policy ${policy}): set it to noeviction`;
    if (warning) log.error({ policy }, warning);
  };
  redis.on('ready', ask);
  if (redis.status === 'ready') void ask();
  return () => warning;
}

/** Opens the connections that the application needs; keeps connecting for as long as it runs. */
export async function openConnections(target: RedisTarget, log: ConnectionLog) {
  const redis = await connectRedis(target, log);
  const [bulk, subscriber] = await Promise.all([connectAnother(redis), connectAnother(redis)]);
  return { redis, bulk, subscriber };
}

/**
 * Another connection to the same Redis, for subscriptions or long replies. It reports nothing: what
 * happens to it happens to the first one, too.
 */
export async function connectAnother(redis: Redis | Cluster): Promise<Redis | Cluster> {
  // store/channels.ts sees to subscriptions: in a cluster, a node that comes back may have lost its slots.
  const options = { autoResubscribe: false };
  const another =
    redis instanceof Cluster
      ? redis.duplicate([], { redisOptions: options })
      : redis.duplicate(options);
  applyWorkarounds(another);
  another.on('error', () => {});
  // One that only reads would not notice that its Redis is a replica now: it leaves with the first.
  redis.on('close', () => another instanceof Redis && another.disconnect(true));
  await another.connect().catch(() => {});
  if (another instanceof Cluster) await connectNodes(another);
  return another;
}
