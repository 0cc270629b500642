import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisTarget } from '../config.ts';
import { applyWorkarounds, reconnectOnReadonly } from './ioredis-workarounds.ts';

/** Receives one line when the connection is lost and one when it is back. */
export interface ConnectionLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Connects to Redis, and reconnects until the client is disconnected.
 * @returns the client, after a few seconds at the latest. Its commands reject at once while there is no
 *   connection
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
    // `connect` is called below, so that the caller can wait for it.
    lazyConnect: true,
    // A queued command would delay its request; an error lets the page say that the storage is down.
    enableOfflineQueue: false,
    // A command may have run before the connection broke: only its caller knows whether to repeat it.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2000,
    // Closes the socket of a peer that vanished without closing it, in ms.
    socketTimeout: 2000,
    // A Redis that is loading its data estimates the remaining time, often far too high. It is asked
    // again after this, in ms.
    maxLoadingRetryTime: 500,
    // Reconnects within about 1 s after Redis is back; jitter spreads the processes.
    retryStrategy: (times: number) => Math.min(100 * times, 1000) + Math.random() * 100,
    reconnectOnError: reconnectOnReadonly(),
    // The name in CLIENT LIST.
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
      // Reconnects to a node that restarts; otherwise only a redirection would find it again.
      clusterNodeRetryStrategy: retryStrategy,
      // Such a node stays known, so nothing else would notice that another one took its place; in ms.
      slotsRefreshInterval: 1000,
      // Certificates contain names, so TLS has to connect to names, not addresses.
      ...(target.tls && { dnsLookup: (address, callback) => callback(null, address) }),
      // Commands on a failed node reject, as elsewhere, instead of being repeated.
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
      // The sentinels announce a failover earlier than the dead socket.
      failoverDetector: true,
    });
  } else {
    client = new Redis({ ...options, ...target.nodes[0] });
  }

  applyWorkarounds(client);
  report(client, target, log);
  // A failure is already in the log, and ioredis keeps trying: the server starts without Redis.
  await client.connect().catch(() => {});
  if (client instanceof Cluster) await connectNodes(client);
  return client;
}

/** Connects to all primaries. ioredis connects to a node at its first command, which would be rejected. */
async function connectNodes(cluster: Cluster): Promise<void> {
  const nodes = cluster.nodes('master').map((node) => {
    if (node.status === 'ready') return undefined;
    return node.status === 'wait' ? node.connect() : once(node, 'ready');
  });
  await Promise.race([Promise.allSettled(nodes), delay(2000)]);
}

/** An error of the network or of Redis; a cluster's error contains that of the last node. */
type Failure = Error & { code?: string; lastNodeError?: Failure };

/** Logs when the connection is lost, and why, and when it is back; not each attempt in between. */
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

/** Resolves if Redis accepts writes, rejects if it does not. Its key expires after a minute. */
export async function checkRedis(redis: Redis | Cluster): Promise<void> {
  await redis.set('memo:ready', '1', 'EX', 60);
}

/**
 * Reads the eviction policy after each connection, and logs an error if Redis would evict memos when
 * its memory is full (`maxmemory-policy` `allkeys-*`). Redis may be shared, so only the operator can
 * change that. In a cluster any node is asked. Uses INFO, as hosted Redis forbids CONFIG; if an ACL
 * forbids INFO, there is no warning.
 * @returns a function that returns the current warning, undefined if there is none
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

/** Opens the connections that the application needs, see {@link connectRedis}. */
export async function openConnections(target: RedisTarget, log: ConnectionLog) {
  const redis = await connectRedis(target, log);
  const [bulk, subscriber] = await Promise.all([connectAnother(redis), connectAnother(redis)]);
  return { redis, bulk, subscriber };
}

/**
 * Opens another connection to the same Redis, for subscriptions or long replies. It logs nothing, as
 * the first connection fails with it.
 */
export async function connectAnother(redis: Redis | Cluster): Promise<Redis | Cluster> {
  // store/channels.ts resubscribes: in a cluster, a node that is back may have lost the channel's slot.
  const options = { autoResubscribe: false };
  const another =
    redis instanceof Cluster
      ? redis.duplicate([], { redisOptions: options })
      : redis.duplicate(options);
  applyWorkarounds(another);
  another.on('error', () => {});
  // A connection that only reads would not notice that its Redis is a replica now: it follows the
  // first.
  redis.on('close', () => another instanceof Redis && another.disconnect(true));
  await another.connect().catch(() => {});
  if (another instanceof Cluster) await connectNodes(another);
  return another;
}
