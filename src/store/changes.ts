/**
 * Notifies a person's open pages of changes by Redis pub/sub, whichever process serves them. A message
 * says only that something changed, and in which tab: the page then requests what it shows. It does so
 * after each interruption, too, so a lost message loses nothing.
 *
 * Channel: `user:<id>:changes`. Message: the tab that made the change (may be empty), or `-` if a
 * session has ended.
 */

import { STREAMS_PER_PERSON } from '../memo/bounds.ts';
import { openChannels } from './channels.ts';
import type { RedisClient } from './scripts.ts';

export type Changes = ReturnType<typeof createChanges>;

/** A subscription to one person's changes. */
export interface Listener {
  /** something changed, in this tab; empty: in an unknown one */
  tell(tab: string): void;
  /** a session of this person has ended, maybe the listener's own */
  check(): void;
  /** the person has too many listeners: this one is removed and has to end */
  end(): void;
}

/** The message that a session has ended. No tab has this name. */
const ENDED = '-';

/**
 * Creates the notifications of this process.
 * @param redis publishes
 * @param subscriber a separate connection, which subscribes for all people of this process: it can
 *   run no
 *   other command meanwhile
 */
export function createChanges(redis: RedisClient, subscriber: RedisClient) {
  const channelOf = (userId: string) => `user:${userId}:changes`;
  const listeners = new Map<string, Set<Listener>>();

  const channels = openChannels(redis, subscriber, {
    onMessage(channel, tab) {
      for (const listener of listeners.get(channel) ?? []) {
        if (tab === ENDED) listener.check();
        else listener.tell(tab);
      }
    },
    // Messages may have been lost, so all pages look for changes.
    onGap(channel) {
      const sets = channel === undefined ? listeners.values() : [listeners.get(channel) ?? []];
      for (const set of sets) for (const listener of set) listener.tell('');
    },
  });

  return {
    /** Notifies this person's listeners. Never rejects: the change is stored even if this fails. */
    async publish(userId: string, tab = ''): Promise<void> {
      await channels.publish(channelOf(userId), tab).catch(() => {});
    },

    /** Notifies this person's listeners that a session has ended. Never rejects. */
    publishEnd(userId: string): Promise<void> {
      return this.publish(userId, ENDED);
    },

    /**
     * Notifies the listener of every change of this person's memos until `unsubscribe`. Rejects if
     * Redis cannot be reached; the caller has to unsubscribe then, too. Beyond STREAMS_PER_PERSON
     * listeners, the oldest ends.
     */
    async subscribe(userId: string, listener: Listener): Promise<void> {
      const channel = channelOf(userId);
      const set = listeners.get(channel) ?? new Set();
      listeners.set(channel, set.add(listener));
      for (const oldest of [...set].slice(0, -STREAMS_PER_PERSON)) {
        // Removed before it has ended: otherwise several new listeners would all end the same one.
        set.delete(oldest);
        oldest.end();
      }
      // Even if the channel has other listeners: their subscription may not be complete yet, and may
      // fail.
      await channels.subscribe(channel);
    },

    /** Removes the listener; does nothing if it is not subscribed. */
    unsubscribe(userId: string, listener: Listener): void {
      const channel = channelOf(userId);
      const set = listeners.get(channel);
      if (!set?.delete(listener) || set.size > 0) return;
      listeners.delete(channel);
      channels.unsubscribe(channel);
    },
  };
}
