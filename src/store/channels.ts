/**
 * Redis pub/sub on a single Redis and in a cluster.
 *
 * A cluster forwards each PUBLISH to all of its nodes. SPUBLISH (since Redis 7) goes only to the
 * primary of the channel's slot and its replicas. In a cluster of 3 + 3 nodes, 5,000 changes took
 * 25,000 messages between nodes, 57 MB and 183 ms of CPU with PUBLISH; 5,000, 12 MB and 68 ms with
 * SPUBLISH.
 *
 * A sharded subscriber has to follow the slot through failovers and moves. ioredis can do that
 * (`shardedSubscribers`), but 6.0.0 does not report that it resubscribed, does not retry a failed
 * subscription, and loses a channel whose slot moves away and back between two refreshes of the slots.
 * `openInCluster` can go when ioredis does all three.
 */

import { Cluster, Command, type Redis } from 'ioredis';
import type { RedisClient } from './scripts.ts';

/** What the subscriptions report. */
interface Receiver {
  onMessage(channel: string, message: string): void;
  /** the channel (undefined: all) is subscribed again: messages may have been lost before */
  onGap(channel?: string): void;
}

export interface Channels {
  /** Rejects if Redis cannot be reached. */
  publish(channel: string, message: string): Promise<unknown>;
  /** Resolves when the channel is subscribed. Rejects if Redis cannot be reached. */
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): void;
}

/**
 * Opens pub/sub on these connections.
 * @param redis publishes
 * @param subscriber a separate connection: it can run no other command while it is subscribed
 * @param receiver gets the messages of all subscribed channels
 */
export function openChannels(
  redis: RedisClient,
  subscriber: RedisClient,
  receiver: Receiver,
): Channels {
  if (subscriber instanceof Cluster) return openInCluster(redis, subscriber, receiver);
  const wanted = new Set<string>();
  subscriber.on('message', receiver.onMessage);
  // Not by ioredis's `autoResubscribe`: if the connection breaks before the reply, it forgets the
  // channels and causes an unhandled rejection.
  subscriber.on('ready', () => {
    if (wanted.size === 0) return;
    // If the connection breaks again, the next one subscribes.
    subscriber.subscribe(...wanted).then(
      () => receiver.onGap(),
      () => {},
    );
  });
  return {
    publish: (channel, message) => redis.publish(channel, message),
    subscribe(channel) {
      wanted.add(channel);
      return subscriber.subscribe(channel);
    },
    unsubscribe(channel) {
      wanted.delete(channel);
      subscriber.unsubscribe(channel).catch(() => {}); // a lost connection has no subscriptions
    },
  };
}

/** A channel without messages, to probe what the cluster and our account's ACL allow. */
const PROBE = 'user::changes';

const isRefusal = (error: unknown) => /^NOPERM|unknown command/.test((error as Error).message);

const slotOf = (channel: string) => new Command('ssubscribe', [channel]).getSlot()!;

/**
 * Each channel, sharded or plain, is subscribed at the primary of its slot; for plain channels any
 * node would do. ioredis knows the subscriptions of each connection, also after the node ended one
 * because its slot moved. With each refresh of the slots (every second, see redis.ts), `settle`
 * subscribes what is missing.
 */
function openInCluster(redis: RedisClient, subscriber: Cluster, receiver: Receiver): Channels {
  /** channels to be subscribed, with their slots */
  const wanted = new Map<string, number>();
  /** channels whose last message could not be published */
  const unpublished = new Set<string>();
  /** whether SPUBLISH is used; undefined until the first reply of the cluster */
  let isSharded: boolean | undefined;

  /**
   * Finds out whether sharded pub/sub can be used, by trying: an ACL may forbid what the version
   * supports. Without a reply, `isSharded` stays as it is.
   */
  async function probeSharded(): Promise<void> {
    try {
      await redis.spublish(PROBE, '');
      await findHomes()(PROBE)?.ssubscribe(PROBE); // the next `settle` unsubscribes it
      isSharded = true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      isSharded = false;
    }
  }

  /** Returns a function that finds the connection to the primary of a channel's slot. */
  function findHomes(): (channel: string) => Redis | undefined {
    const nodes = new Map(
      subscriber.nodes().map((node) => [`${node.options.host}:${node.options.port}`, node]),
    );
    return (channel) =>
      nodes.get(subscriber.slots[wanted.get(channel) ?? slotOf(channel)]?.[0] ?? '');
  }

  async function subscribe(channel: string, node: Redis | undefined): Promise<void> {
    if (isSharded === undefined) await probeSharded();
    if (!node) throw new Error("Cluster isn't ready: nobody has this slot");
    await (isSharded ? node.ssubscribe(channel) : node.subscribe(channel));
  }

  function unsubscribe(channel: string, node: Redis | undefined): void {
    (isSharded ? node?.sunsubscribe(channel) : node?.unsubscribe(channel))?.catch(() => {});
  }

  /** The channels that a connection is subscribed to. */
  function subscriptionsOf(node: Redis): Set<string> {
    const set = node.status === 'ready' && node.condition?.subscriber;
    return new Set(set ? set.channels(isSharded ? 'ssubscribe' : 'subscribe') : []);
  }

  /**
   * Subscribes each wanted channel at its home. Unsubscribes channels that are not wanted, and wanted ones
   * elsewhere as soon as their home is subscribed.
   */
  function settle(): void {
    const homeOf = findHomes();
    const subscribed = new Map(subscriber.nodes().map((node) => [node, subscriptionsOf(node)]));
    const isSubscribed = (node: Redis | undefined, channel: string) =>
      node !== undefined && subscribed.get(node)?.has(channel);
    for (const channel of wanted.keys()) {
      const home = homeOf(channel);
      if (home?.status === 'wait') home.connect().catch(() => {});
      if (home?.status !== 'ready' || isSubscribed(home, channel)) continue;
      subscribe(channel, home).then(
        () => receiver.onGap(channel),
        () => {}, // the next refresh tries again
      );
    }
    for (const [node, channels] of subscribed) {
      for (const channel of channels) {
        const home = homeOf(channel);
        const isDuplicate = home !== node && isSubscribed(home, channel);
        if (!wanted.has(channel) || isDuplicate) unsubscribe(channel, node);
      }
      // A connection that only receives would not notice a peer that vanished without closing it.
      if (channels.size > 0) node.ping().catch(() => {});
    }
  }

  function watchNode(node: Redis): void {
    node.on('message', receiver.onMessage).on('smessage', receiver.onMessage);
    // A node that gives a slot away ends the slot's subscriptions.
    node.on('moved', () => subscriber.refreshSlotsCache());
    node.on('ready', async () => {
      await probeSharded().catch(() => {}); // the node may run another version now
      settle();
    });
  }
  for (const node of subscriber.nodes()) watchNode(node);
  subscriber.on('+node', watchNode);
  subscriber.on('refresh', settle);

  async function publish(channel: string, message: string): Promise<void> {
    try {
      if (isSharded === undefined) await probeSharded();
      await (isSharded ? redis.spublish(channel, message) : redis.publish(channel, message));
    } catch (error) {
      unpublished.add(channel);
      if (isRefusal(error)) probeSharded().catch(() => {});
      throw error;
    }
  }
  // A subscriber that follows a moved slot before this process does reports its gap too early. So the
  // message is published once more when the new home is known.
  redis.on('refresh', () => {
    const channels = [...unpublished];
    unpublished.clear();
    for (const channel of channels) publish(channel, '').catch(() => {});
  });

  return {
    publish,
    async subscribe(channel) {
      wanted.set(channel, slotOf(channel));
      await subscribe(channel, findHomes()(channel)).catch((error: Error) => {
        // ioredis refreshes the slots at once, and `settle` subscribes.
        if (!error.message.startsWith('MOVED')) throw error;
      });
    },
    unsubscribe(channel) {
      wanted.delete(channel);
      unsubscribe(channel, findHomes()(channel));
    },
  };
}
