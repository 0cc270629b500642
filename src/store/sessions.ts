/**
 * The session store: who is logged in.
 *
 * Model: a login makes a token of 32 random bytes, which only the browser's `userId` cookie holds.
 * Redis keeps its SHA-256, so whoever reads Redis, its files or its backups can be nobody.
 *
 * Lifetime: 30 days without use, 180 days in all. When a session was used is kept to the hour, and
 * with it the key's TTL is put back to the idle limit, but never beyond the absolute one.
 *
 * Number: a person has 50 at most; one more ends the least used.
 *
 * Keys:
 * - `user:<id>`           string, JSON `{"id","name"}`, as memo.py wrote it
 * - `user:<id>:sessions`  set of the hashes of this person's sessions, some of them long ended
 * - `session:<sha256>`    string with a TTL, JSON
 *                         `{"user","name","person","began","used","browser"}` (times in ms)
 * - `state:<sha256>`      string with a TTL: a login's state that was used
 *
 * Against: a stolen database (hashes only), session fixation (a new token at every login), a cookie
 * that holds a raw user id as memo.py's did (it is no token), a login answered twice (states).
 */

import { SESSIONS_PER_PERSON } from '../memo/bounds.ts';
import type { Person } from '../memo/person.ts';
import { parseObject } from '../memo/stored-memo.ts';
import { sha256 } from '../node/sha256.ts';
import type { RedisClient } from './scripts.ts';

/** A session that a request has. */
export interface Session {
  userId: string;
  /** SHA-256 of the token, in hex */
  hash: string;
  /** the person's name as of this login; undefined: Naver gave none */
  name?: string;
  /** the person's pseudonym, see `pseudonymOf` */
  person: string;
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

/** The members of a stored session that `find` reads. */
interface StoredSession {
  user: string;
  name?: string;
  person?: string;
  began: number;
  used?: number;
}

export type SessionStore = ReturnType<typeof createSessionStore>;

const HOUR = 3_600_000; // ms
const DAY = 24 * HOUR;
const IDLE_LIMIT = 30 * DAY;
export const ABSOLUTE_LIMIT = 180 * DAY;
/** How long a state can be used; afterwards its cookie is gone. */
export const STATE_LIMIT = DAY / 144; // ten minutes

/** Sessions that are looked at in one go; in between, Redis does what others want. */
const CHUNK = 500;

/** Of what a browser calls itself. */
const BROWSER_LENGTH = 250; // characters

/** The shape of a session's token. */
export const TOKEN = /^[\w-]{43}$/;

/**
 * The sessions of everybody. Every method rejects when Redis refuses or does not answer.
 * @param now the clock, in ms
 * @param onEnded is told whose sessions were ended because they were too many
 */
export function createSessionStore(
  redis: RedisClient,
  now: () => number = Date.now,
  onEnded: (userId: string) => unknown = () => {},
) {
  const userKey = (id: string) => `user:${id}`;
  const sessionsKey = (id: string) => `user:${id}:sessions`;
  const sessionKey = (hash: string) => `session:${hash}`;

  /** The person's name as of the last login. */
  async function nameOf(userId: string): Promise<string | undefined> {
    const { name } = parseObject((await redis.get(userKey(userId))) ?? '');
    return typeof name === 'string' ? name : undefined;
  }

  /** The hashes of a person's sessions, also of those that have ended; some may come twice. */
  async function* hashesOf(userId: string): AsyncGenerator<string[], void> {
    let cursor = '0';
    do {
      const [next, hashes] = await redis.sscan(sessionsKey(userId), cursor, 'COUNT', CHUNK);
      if (hashes.length > 0) yield hashes;
      cursor = next;
    } while (cursor !== '0');
  }

  /**
   * The person's sessions, the last used first. Ends those beyond the limit, the least used, and
   * takes those that have ended out of the person's set, however many there are.
   * @param current the hash of one that stays, however little it was used
   */
  async function limit(userId: string, current?: string): Promise<SessionInfo[]> {
    let kept = new Map<string, SessionInfo>();
    let wereTooMany = false;
    for await (const hashes of hashesOf(userId)) {
      const stored = await Promise.all(hashes.map((hash) => redis.get(sessionKey(hash))));
      for (const [i, hash] of hashes.entries()) {
        const session = readInfo(stored[i], userId, hash);
        if (session) kept.set(hash, session);
      }
      const all = [...kept].sort(
        ([a, { used }], [b, other]) =>
          Number(b === current) - Number(a === current) || other.used - used,
      );
      const excess = all.splice(SESSIONS_PER_PERSON).map(([hash]) => hash);
      kept = new Map(all);
      const gone = [...excess, ...hashes.filter((hash) => !kept.has(hash))];
      if (gone.length === 0) continue;
      wereTooMany ||= excess.length > 0;
      // When Redis takes no writes, reading goes on; the next one tries again.
      await Promise.all(excess.map((hash) => redis.del(sessionKey(hash))))
        .then(() => redis.srem(sessionsKey(userId), ...gone))
        .catch(() => {});
    }
    if (wereTooMany) onEnded(userId);
    return [...kept.values()].sort((a, b) => b.used - a.used);
  }

  async function end({ userId, hash }: Pick<Session, 'userId' | 'hash'>): Promise<void> {
    await redis.del(sessionKey(hash));
    await redis.srem(sessionsKey(userId), hash);
  }

  return {
    /**
     * Saves the user, starts a session and returns its token. One session too many ends another.
     * @param browser what the browser calls itself
     */
    async begin(user: Person, browser = ''): Promise<string> {
      const token = randomToken();
      const hash = sha256(token);
      const session = JSON.stringify({
        user: user.id,
        // Also here, so that a request needs one look-up for both.
        name: user.name,
        person: pseudonymOf(user.id),
        began: now(),
        used: now(),
        browser: browser.slice(0, BROWSER_LENGTH),
      });
      await redis.set(userKey(user.id), JSON.stringify({ id: user.id, name: user.name }));
      // Before it is listed: another login would take it for one that has ended. One that is not
      // listed could not be ended from elsewhere, but when this breaks off, nobody has its token.
      await redis.set(sessionKey(hash), session, 'PX', IDLE_LIMIT);
      await redis.sadd(sessionsKey(user.id), hash);
      await redis.pexpire(sessionsKey(user.id), ABSOLUTE_LIMIT);
      await limit(user.id, hash);
      return token;
    },

    /** The session of a cookie's value, or undefined: malformed, unknown, ended or expired. */
    async find(token: string): Promise<Session | undefined> {
      if (!TOKEN.test(token)) return undefined;
      const hash = sha256(token);
      const stored = await redis.get(sessionKey(hash));
      if (stored === null) return undefined;
      const session = JSON.parse(stored) as StoredSession;
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
      // Sessions begun by memo before it stored them there have neither.
      const { name = await nameOf(user), person = pseudonymOf(user) } = session;
      return { userId: user, hash, name, person };
    },

    /** Whether a session that was found is still there, neither ended nor expired. */
    async isOpen({ hash }: Pick<Session, 'hash'>): Promise<boolean> {
      return (await redis.exists(sessionKey(hash))) === 1;
    },

    /** Ends a session. Ending an ended one does nothing. */
    end,

    /** The person's sessions, the last used first: as many as one may have. */
    list: limit,

    /** Ends the session with this id. False when the person has none of that id. */
    async endById(userId: string, id: string): Promise<boolean> {
      for await (const hashes of hashesOf(userId)) {
        const hash = hashes.find((it) => sessionIdOf(it) === id);
        if (hash) {
          await end({ userId, hash });
          return true;
        }
      }
      return false;
    },

    /** Ends all of the person's sessions. */
    async endAll(userId: string): Promise<void> {
      for await (const hashes of hashesOf(userId)) {
        await Promise.all(hashes.map((hash) => redis.del(sessionKey(hash))));
        await redis.srem(sessionsKey(userId), ...hashes);
      }
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

/** A session as it is stored; undefined when there is none any more, or it is somebody else's. */
function readInfo(
  stored: string | null | undefined,
  userId: string,
  hash: string,
): SessionInfo | undefined {
  const { user, began, used, browser } = parseObject(stored ?? '');
  if (user !== userId || typeof began !== 'number') return undefined;
  return {
    id: sessionIdOf(hash),
    began,
    used: typeof used === 'number' ? used : began,
    browser: typeof browser === 'string' ? browser : '',
  };
}

/** What a session is called among its owner's. */
export const sessionIdOf = (hash: string) => hash.slice(0, 16);

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
