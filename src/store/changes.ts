/**
 * Tells a person's open pages that something changed, over Redis pub/sub, so that it does not
 * matter which process they are connected to. A message says only that there is news, and which tab
 * made it: the page asks for what it shows, and after a break it asks anyway, so that a lost
 * message loses nothing.
 *
 * Channel: `user:<id>:changes`; message: the tab that made the change, or nothing; `-` when a
 * session has ended.
 */

import { STREAMS_PER_PERSON } from '../memo/bounds.ts';
import { openChannels } from './channels.ts';
import type { RedisClient } from './scripts.ts';

export type Changes = ReturnType<typeof createChanges>;

/** Who listens to one person's changes. */
export interface Listener {
  tell(tab: string): void;
  /** is told that sessions of this person have ended: its own may be among them */
  check(): void;
  /** is told when it is one too many: it ends */
  end(): void;
}

/** No tab is called that. */
const ENDED = '-';

/**
 * @param redis publishes
 * @param subscriber a connection of its own, which can do nothing else while it is subscribed; one
 *   for all people of this process
 */
export function createChanges(redis: RedisClient, subscriber: RedisClient) {
  const channelOf = (userId: string) => `user:${userId}:changes`;
  const listeners = new Map<string, Set<Listener>>();

  const channels = openChannels(redis, subscriber, {
    hear(channel, tab) {
      for (const listener of listeners.get(channel) ?? []) {
        if (tab === ENDED) listener.check();
        else listener.tell(tab);
      }
    },
    // After a break nobody knows what was missed: everybody looks.
    miss(channel) {
      const sets = channel === undefined ? listeners.values() : [listeners.get(channel) ?? []];
      for (const set of sets) for (const listener of set) listener.tell('');
    },
  });

  return {
    /** Tells everybody who listens for this person. A failure is no reason to fail what changed. */
    async publish(userId: string, tab = ''): Promise<void> {
      await channels.publish(channelOf(userId), tab).catch(() => {});
    },

    /** Tells everybody who listens for this person that some session of theirs has ended. */
    publishEnd(userId: string): Promise<void> {
      return this.publish(userId, ENDED);
    },

    /**
     * Tells the listener of every change of this person's memos, until it unsubscribes.
     * Rejects when Redis cannot be reached; it has to unsubscribe then, too.
     */
    async subscribe(userId: string, listener: Listener): Promise<void> {
      const channel = channelOf(userId);
      const set = listeners.get(channel) ?? new Set();
      listeners.set(channel, set.add(listener));
      for (const oldest of [...set].slice(0, -STREAMS_PER_PERSON)) {
        // Taken out now, not when it has ended: of many that come at once, each ends another.
        set.delete(oldest);
        oldest.end();
      }
      // Also when others listen already: the second must not rely on what the first still awaits.
      await channels.subscribe(channel);
    },

    unsubscribe(userId: string, listener: Listener): void {
      const channel = channelOf(userId);
      const set = listeners.get(channel);
      if (!set?.delete(listener) || set.size > 0) return;
      listeners.delete(channel);
      channels.unsubscribe(channel);
    },
  };
}
