/**
 * Channels of Redis pub/sub: plain ones, and those of a cluster.
 *
 * A cluster sends each PUBLISH on to all of its nodes. From Redis 7 on, SPUBLISH stays with the primary
 * that has the channel's slot, and its replicas. In a cluster of 3 + 3, 5,000 changes took 25,000
 * messages between nodes, 57 MB and 183 ms of CPU by PUBLISH; 5,000, 12 MB and 68 ms by SPUBLISH.
 *
 * Whoever listens there has to follow the slot, through failovers and moves. ioredis can
 * (`shardedSubscribers`), but it does not say when it has done so, does not try again what failed, and
 * stays deaf when a slot has gone and come back between two of its looks: so it is done here.
 */

import { Cluster, Command, type Redis } from 'ioredis';
import type { RedisClient } from './scripts.ts';

/** Whoever listens. */
interface Hearer {
  hear(channel: string, message: string): void;
  /** is told that messages of this channel, or of all, may have been lost, and are heard again */
  miss(channel?: string): void;
}

/** Where messages are sent to, and heard from. */
export interface Channels {
  publish(channel: string, message: string): Promise<unknown>;
  /** Resolves when it is heard, and rejects when Redis cannot be reached. */
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): void;
}

/**
 * @param redis publishes
 * @param subscriber a connection of its own, which does nothing but this
 */
export function openChannels(
  redis: RedisClient,
  subscriber: RedisClient,
  hearer: Hearer,
): Channels {
  if (subscriber instanceof Cluster) return openInCluster(redis, subscriber, hearer);
  const wanted = new Set<string>();
  subscriber.on('message', hearer.hear);
  // ioredis would subscribe again by itself (`autoResubscribe`), but when the connection breaks before
  // the reply, it forgets the channels, and its promise rejects where nobody can catch it.
  subscriber.on('ready', () => {
    if (wanted.size === 0) return;
    // When it breaks again, the next connection tries again.
    const subscribing = subscriber.subscribe(...wanted).catch(() => {});
    void subscribing.then(() => hearer.miss());
  });
  return {
    publish: (channel, message) => redis.publish(channel, message),
    subscribe(channel) {
      wanted.add(channel);
      return subscriber.subscribe(channel);
    },
    unsubscribe(channel) {
      wanted.delete(channel);
      subscriber.unsubscribe(channel).catch(() => {}); // a lost connection has none
    },
  };
}

/** Nobody's channel, to try what the cluster can and our account may: the same for all processes. */
const NOBODY = 'user::changes';

const isRefusal = (error: unknown) => /^NOPERM|unknown command/.test((error as Error).message);

const slotOf = (channel: string) => new Command('ssubscribe', [channel]).getSlot()!;

/**
 * Each channel is listened to where its slot is; so are plain ones, for which any node would do. What
 * a connection is subscribed to, ioredis knows, also when the node has ended it as the slot moved.
 * With each look at who has which slot (every second, see redis.ts) what is missing is made up for.
 */
function openInCluster(redis: RedisClient, subscriber: Cluster, hearer: Hearer): Channels {
  /** what is listened to, with its slot */
  const wanted = new Map<string, number>();
  /** channels of which something could not be published */
  const untold = new Set<string>();
  /** undefined until the cluster has answered for the first time */
  let isSharded: boolean | undefined;

  /** Asks by trying, as an account may be refused what the version has; without an answer, all stays. */
  async function askSharded(): Promise<void> {
    try {
      await redis.spublish(NOBODY, '');
      await findHomes()(NOBODY)?.ssubscribe(NOBODY); // the next look takes it back
      isSharded = true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      isSharded = false;
    }
  }

  function findHomes(): (channel: string) => Redis | undefined {
    const nodes = new Map(
      subscriber.nodes().map((node) => [`${node.options.host}:${node.options.port}`, node]),
    );
    return (channel) =>
      nodes.get(subscriber.slots[wanted.get(channel) ?? slotOf(channel)]?.[0] ?? '');
  }

  async function subscribe(channel: string, node: Redis | undefined): Promise<void> {
    if (isSharded === undefined) await askSharded();
    if (!node) throw new Error("Cluster isn't ready: nobody has this slot");
    await (isSharded ? node.ssubscribe(channel) : node.subscribe(channel));
  }

  function unsubscribe(channel: string, node: Redis | undefined): void {
    (isSharded ? node?.sunsubscribe(channel) : node?.unsubscribe(channel))?.catch(() => {});
  }

  function heardBy(node: Redis): Set<string> {
    const set = node.status === 'ready' && node.condition?.subscriber;
    return new Set(set ? set.channels(isSharded ? 'ssubscribe' : 'subscribe') : []);
  }

  function settle(): void {
    const homeOf = findHomes();
    const heard = new Map(subscriber.nodes().map((node) => [node, heardBy(node)]));
    const hears = (node: Redis | undefined, channel: string) =>
      node !== undefined && heard.get(node)?.has(channel);
    for (const channel of wanted.keys()) {
      const home = homeOf(channel);
      if (home?.status === 'wait') home.connect().catch(() => {});
      if (home?.status !== 'ready' || hears(home, channel)) continue;
      subscribe(channel, home).then(
        () => hearer.miss(channel),
        () => {}, // tried again with the next look
      );
    }
    for (const [node, channels] of heard) {
      for (const channel of channels) {
        const home = homeOf(channel);
        const isHeardTwice = home !== node && hears(home, channel);
        if (!wanted.has(channel) || isHeardTwice) unsubscribe(channel, node);
      }
      // Who only listens does not notice that the other end is gone without a word.
      if (channels.size > 0) node.ping().catch(() => {});
    }
  }

  function attend(node: Redis): void {
    node.on('message', hearer.hear).on('smessage', hearer.hear);
    // A node that has given a slot away has ended what was subscribed there.
    node.on('moved', () => subscriber.refreshSlotsCache());
    node.on('ready', async () => {
      await askSharded().catch(() => {}); // it may have another version now
      settle();
    });
  }
  for (const node of subscriber.nodes()) attend(node);
  subscriber.on('+node', attend);
  subscriber.on('refresh', settle);

  async function publish(channel: string, message: string): Promise<void> {
    try {
      if (isSharded === undefined) await askSharded();
      await (isSharded ? redis.spublish(channel, message) : redis.publish(channel, message));
    } catch (error) {
      untold.add(channel);
      if (isRefusal(error)) askSharded().catch(() => {});
      throw error;
    }
  }
  // Whoever listens may have found the slot's new home before us, and then waits for nothing more.
  redis.on('refresh', () => {
    const channels = [...untold];
    untold.clear();
    for (const channel of channels) publish(channel, '').catch(() => {});
  });

  return {
    publish,
    async subscribe(channel) {
      wanted.set(channel, slotOf(channel));
      await subscribe(channel, findHomes()(channel)).catch((error: Error) => {
        // ioredis looks at once who has the slot now, and the rest follows.
        if (!error.message.startsWith('MOVED')) throw error;
      });
    },
    unsubscribe(channel) {
      wanted.delete(channel);
      unsubscribe(channel, findHomes()(channel));
    },
  };
}
