/**
 * The session store: who is logged in.
 *
 * Model: a login makes a token of 32 random bytes, which only the browser's `userId` cookie holds.
 * Redis keeps its SHA-256, so whoever reads Redis, its files or its backups can be nobody.
 *
 * Lifetime: 30 days without use, 180 days in all. When a session was used is kept to the hour, and
 * with it the key's TTL is put back to the idle limit, but never beyond the absolute one.
 *
 * Keys:
 * - `user:<id>`           string, JSON `{"id","name"}`, as memo.py wrote it
 * - `user:<id>:sessions`  set of the hashes of this person's sessions, some of them long ended
 * - `session:<sha256>`    string with a TTL, JSON `{"user","began","used","browser"}` (times in ms)
 * - `state:<sha256>`      string with a TTL: a login's state that was used
 *
 * Against: a stolen database (hashes only), session fixation (a new token at every login), a cookie
 * that holds a raw user id as memo.py's did (it is no token), a login answered twice (states).
 */
import { sha256 } from './hash.ts';
import { parseObject, type RedisClient } from './memos.ts';

export interface User {
  /** Naver's id for this person: opaque */
  id: string;
  name: string;
}

export interface Session {
  userId: string;
  /** SHA-256 of the token, in hex */
  hash: string;
}

/** A session as its owner sees it among the others. */
export interface SessionInfo {
  /** names it among this person's; the token cannot be told from it */
  id: string;
  /** ms */
  began: number;
  /** ms, to the hour */
  used: number;
  /** what the browser called itself at login; may be empty */
  browser: string;
}

export type SessionStore = ReturnType<typeof createSessionStore>;

const HOUR = 3_600_000; // ms
const DAY = 24 * HOUR;
const IDLE_LIMIT = 30 * DAY;
export const ABSOLUTE_LIMIT = 180 * DAY;
/** How long a state can be used; afterwards its cookie is gone. */
export const STATE_LIMIT = DAY / 144; // ten minutes

/** Of what a browser calls itself. */
const BROWSER_LENGTH = 250; // characters

const TOKEN = /^[\w-]{43}$/;

/**
 * The sessions of everybody. Every method rejects when Redis refuses or does not answer.
 * @param now the clock, in ms
 */
export function createSessionStore(redis: RedisClient, now: () => number = Date.now) {
  const userKey = (id: string) => `user:${id}`;
  const sessionsKey = (id: string) => `user:${id}:sessions`;
  const sessionKey = (hash: string) => `session:${hash}`;

  return {
    /**
     * Saves the user, starts a session and returns its token.
     * @param browser what the browser calls itself
     */
    async begin(user: User, browser = ''): Promise<string> {
      const token = randomToken();
      const hash = sha256(token);
      const session = JSON.stringify({
        user: user.id,
        began: now(),
        used: now(),
        browser: browser.slice(0, BROWSER_LENGTH),
      });
      await redis.set(userKey(user.id), JSON.stringify({ id: user.id, name: user.name }));
      // The index first: a session that is not listed could not be ended from elsewhere.
      await redis.sadd(sessionsKey(user.id), hash);
      await redis.pexpire(sessionsKey(user.id), ABSOLUTE_LIMIT);
      await redis.set(sessionKey(hash), session, 'PX', IDLE_LIMIT);
      await this.forgetEnded(user.id);
      return token;
    },

    /** The session of a cookie's value, or undefined: malformed, unknown, ended or expired. */
    async find(token: string): Promise<Session | undefined> {
      if (!TOKEN.test(token)) return undefined;
      const hash = sha256(token);
      const stored = await redis.get(sessionKey(hash));
      if (stored === null) return undefined;
      const session = JSON.parse(stored) as { user: string; began: number; used?: number };
      const { user, began, used = began } = session;
      const left = began + ABSOLUTE_LIMIT - now();
      const unused = now() - used;
      if (left <= 0 || unused >= IDLE_LIMIT) return undefined;
      if (unused > HOUR) {
        const touched = JSON.stringify({ ...session, used: now() });
        const idle = Math.min(IDLE_LIMIT, left);
        // When Redis takes no writes, reading goes on; the next request tries again.
        // And only if it is still there: one that is being ended must not come back.
        await redis.set(sessionKey(hash), touched, 'PX', idle, 'XX').catch(() => {});
      }
      return { userId: user, hash };
    },

    /** Whether a session that was found is still there, neither ended nor expired. */
    async isOpen({ hash }: Session): Promise<boolean> {
      return (await redis.exists(sessionKey(hash))) === 1;
    },

    /** Ends a session. Ending an ended one does nothing. */
    async end(session: Session): Promise<void> {
      await redis.del(sessionKey(session.hash));
      await redis.srem(sessionsKey(session.userId), session.hash);
    },

    /** The person's sessions, the last used first. */
    async list(userId: string): Promise<SessionInfo[]> {
      const hashes = await redis.smembers(sessionsKey(userId));
      const stored = await Promise.all(hashes.map((hash) => redis.get(sessionKey(hash))));
      const sessions = hashes.flatMap((hash, i) => {
        const { user, began, used, browser } = parseObject(stored[i] ?? '');
        if (user !== userId || typeof began !== 'number') return [];
        return {
          id: idOf(hash),
          began,
          used: typeof used === 'number' ? used : began,
          browser: typeof browser === 'string' ? browser : '',
        };
      });
      return sessions.sort((a, b) => b.used - a.used);
    },

    /** Ends the session with this id. False when the person has none of that id. */
    async endById(userId: string, id: string): Promise<boolean> {
      const hashes = await redis.smembers(sessionsKey(userId));
      const hash = hashes.find((it) => idOf(it) === id);
      if (hash) await this.end({ userId, hash });
      return hash !== undefined;
    },

    /** Ends all of the person's sessions. */
    async endAll(userId: string): Promise<void> {
      const hashes = await redis.smembers(sessionsKey(userId));
      await Promise.all(hashes.map((hash) => this.end({ userId, hash })));
    },

    /** Takes the sessions that have expired out of the person's set, so that it does not grow. */
    async forgetEnded(userId: string): Promise<void> {
      const hashes = await redis.smembers(sessionsKey(userId));
      const exist = await Promise.all(hashes.map((hash) => redis.exists(sessionKey(hash))));
      const ended = hashes.filter((_, i) => !exist[i]);
      if (ended.length > 0) await redis.srem(sessionsKey(userId), ...ended);
    },

    /** The person's name as of the last login, or undefined. */
    async nameOf(userId: string): Promise<string | undefined> {
      const stored = await redis.get(userKey(userId));
      const { name } = parseObject(stored ?? '');
      return typeof name === 'string' ? name : undefined;
    },

    /** Marks a login's state as used. False when it had been used before. */
    async useState(state: string): Promise<boolean> {
      const key = `state:${sha256(state)}`;
      return (await redis.set(key, '1', 'PX', STATE_LIMIT, 'NX')) === 'OK';
    },

    /** Whether a login's state was used in the last ten minutes. */
    async isStateUsed(state: string): Promise<boolean> {
      return (await redis.exists(`state:${sha256(state)}`)) === 1;
    },
  };
}

/** What a session is called among its owner's. */
export const idOf = (hash: string) => hash.slice(0, 16);

/** A name for a person that tells nothing about them, for what leaves the server. */
export function pseudonymOf(userId: string): string {
  return sha256(`person:${userId}`).slice(0, 16);
}

/** 32 random bytes in base64url: 43 characters. */
export function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace('=', '');
}
