/**
 * The session store.
 *
 * Model: each login creates a token of 32 random bytes, which only the browser's `userId` cookie
 * contains. Redis stores its SHA-256, so the tokens cannot be read from Redis, its files or its
 * backups.
 *
 * Lifetime: 30 days without use, 180 days in total. The time of the last use is stored to the hour;
 * each update resets the key's TTL to the idle limit, but never beyond the absolute one.
 *
 * Number: a person has at most 50 sessions; a login beyond that ends the least recently used one.
 *
 * Keys:
 * - `user:<id>`           string, JSON `{"id","name"}`, as memo.py wrote it
 * - `user:<id>:sessions`  set of hashes of this person's sessions, including some that have ended
 * - `session:<sha256>`    string with a TTL, JSON
 *                         `{"user","name","person","began","used","browser"}` (times in ms)
 * - `state:<sha256>`      string with a TTL: a used state of a login (OAuth 2.0)
 *
 * Threats: a stolen database (only hashes), session fixation (a new token at each login), a cookie with
 * a raw user id, as memo.py's was (it is no valid token), a replayed login (states are used once).
 */
import { SESSIONS_PER_PERSON } from '../memo/bounds.ts';
import type { Person } from '../memo/person.ts';
import { parseObject } from '../memo/stored-memo.ts';
import { sha256 } from '../node/sha256.ts';
import type { RedisClient } from './scripts.ts';

/** The session of a request. */
export interface Session {
  userId: string;
  /** SHA-256 of the token, in hex */
  hash: string;
  /** the person's name as of this login; undefined if none is stored */
  name?: string;
  /** the person's pseudonym, see `pseudonymOf` */
  person: string;
}

/** A session in its owner's list of devices. */
export interface SessionInfo {
  /** identifies it among this person's sessions; says nothing about the token */
  id: string;
  /** ms */
  began: number;
  /** ms, to the hour */
  used: number;
  /** the `User-Agent` at login, shortened; may be empty */
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
/** How long a state can be used, in ms; then its cookie expires. */
export const STATE_LIMIT = HOUR / 6;

/** Sessions that one SSCAN reads; Redis serves other clients in between. */
const CHUNK = 500;

/** Characters of a `User-Agent` that are stored. */
const BROWSER_LENGTH = 250;

/** A session's token: 32 bytes in base64url. */
export const TOKEN = /^[\w-]{43}$/;

/**
 * Creates the store of all people's sessions. Every method rejects if Redis fails.
 * @param now the clock, in ms
 * @param onEnded is called with the id of a person whose sessions were ended because there were too
 *   many
 */
export function createSessionStore(
  redis: RedisClient,
  now: () => number = Date.now,
  onEnded: (userId: string) => unknown = () => {},
) {
  const userKey = (id: string) => `user:${id}`;
  const sessionsKey = (id: string) => `user:${id}:sessions`;
  const sessionKey = (hash: string) => `session:${hash}`;

  /** The person's name as of the last login, undefined if none is stored. */
  async function nameOf(userId: string): Promise<string | undefined> {
    const { name } = parseObject((await redis.get(userKey(userId))) ?? '');
    return typeof name === 'string' ? name : undefined;
  }

  /** The hashes of a person's sessions, also of ended ones, in chunks; SSCAN may return a hash twice. */
  async function* hashesOf(userId: string): AsyncGenerator<string[], void> {
    let cursor = '0';
    do {
      const [next, hashes] = await redis.sscan(sessionsKey(userId), cursor, 'COUNT', CHUNK);
      if (hashes.length > 0) yield hashes;
      cursor = next;
    } while (cursor !== '0');
  }

  /**
   * The person's sessions, the last used first. Ends the least recently used ones beyond the limit, and
   * removes all ended sessions from the person's set.
   * @param current the hash of a session that is kept in any case
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
      // A Redis that accepts no writes must not fail the read; the next call tries again.
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
     * Stores the person, starts a session and returns its token. A session beyond the limit ends
     * another.
     * @param browser the `User-Agent`
     */
    async begin(user: Person, browser = ''): Promise<string> {
      const token = randomToken();
      const hash = sha256(token);
      const session = JSON.stringify({
        user: user.id,
        // Also in the session, so that a request needs one GET for both.
        name: user.name,
        person: pseudonymOf(user.id),
        began: now(),
        used: now(),
        browser: browser.slice(0, BROWSER_LENGTH),
      });
      await redis.set(userKey(user.id), JSON.stringify({ id: user.id, name: user.name }));
      // Stored before it is added to the set: otherwise a concurrent login would take it for an ended
      // session. If this is interrupted here, the session cannot be ended from elsewhere, but its
      // token is lost.
      await redis.set(sessionKey(hash), session, 'PX', IDLE_LIMIT);
      await redis.sadd(sessionsKey(user.id), hash);
      await redis.pexpire(sessionsKey(user.id), ABSOLUTE_LIMIT);
      await limit(user.id, hash);
      return token;
    },

    /** The session of a token; undefined if it is malformed, unknown, ended or expired. */
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
      let { name, person = pseudonymOf(user) } = session;
      // Sessions of older versions of memo have no name; and a login elsewhere may have brought a newer.
      if (name === undefined || unused > HOUR) name = await nameOf(user);
      if (unused > HOUR) {
        const touched = JSON.stringify({ ...session, name, person, used: now() });
        const idle = Math.min(IDLE_LIMIT, left);
        // A Redis that accepts no writes must not fail the request; the next one tries again.
        // XX: a session that is ended at the same time must not come back.
        await redis.set(sessionKey(hash), touched, 'PX', idle, 'XX').catch(() => {});
      }
      return { userId: user, hash, name, person };
    },

    /** Whether a session has neither ended nor expired since it was found. */
    async isOpen({ hash }: Pick<Session, 'hash'>): Promise<boolean> {
      return (await redis.exists(sessionKey(hash))) === 1;
    },

    /** Ends a session; does nothing if it has ended already. */
    end,

    /** The person's sessions, the last used first: at most SESSIONS_PER_PERSON. */
    list: limit,

    /** Ends the session with this id. Returns false if the person has no such session. */
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

    /** Marks the state of a login as used. Returns false if it was used before. */
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

/** Reads a stored session; undefined if it has ended or belongs to another person. */
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

/** The id of a session in its owner's list: 64 bits of the hash in hex. */
export const sessionIdOf = (hash: string) => hash.slice(0, 16);

/** A pseudonym of a person for the log and for pages: 64 bits in hex. */
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
