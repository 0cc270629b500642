/**
 * The memo store.
 *
 * Keys, per person (each script and command works on one, so a cluster may spread them):
 * - `user:<id>:memos`  list, one JSON object a memo, oldest first: the truth
 * - `user:<id>:trash`  list, deleted memos with "deleted" (µs) as the last member, which ascends:
 *                      newest last
 * - `user:<id>:pins`   set of ids: an index of the memos with "pin":true, never smaller than the
 *                      truth, sometimes larger
 *
 * A memo is `{"id":…,"text":…}` and optionally "edited", "pin", "key"; other members are kept as
 * they were written. "id" comes first: it is the time of creation in µs by Redis's clock, unique
 * and ascending in the list, which is what makes every look-up a binary search.
 *
 * Whatever moves a memo between two keys writes the copy before it takes the original away, and
 * tolerates finding its own earlier half: a crash or a lost reply can leave a memo in both places,
 * never in none.
 */
import type { Cluster, Redis, Result } from 'ioredis';
import {
  LONG_READ_BYTES,
  LONG_READS,
  PINS,
  REPLY_BYTES,
  TRASH_BYTES,
  TRASH_ENTRIES,
} from '../memo/bounds.ts';
import { joinBytes } from '../memo/bytes.ts';
import { createFairQueue } from '../memo/fair-queue.ts';
import { findIds, quote } from '../memo/foreign.ts';
import { nextTurn, takeTurns } from '../memo/yielding.ts';
import script from './memos.lua';
import { createQuota } from './quota.ts';

export type RedisClient = Redis | Cluster;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    /** One operation of memos.lua on one key. */
    memos(key: string, operation: string, ...args: (string | number)[]): Result<unknown, Context>;
    /** The same; what is a string in the other's reply is its bytes in this. */
    memosBuffer(
      key: string,
      operation: string,
      ...args: (string | number | Uint8Array)[]
    ): Result<unknown, Context>;
  }
}

/**
 * A memo as it is stored, JSON. One is a string; many are their bytes, as they came from Redis: most
 * of them go on to the wire without having been strings.
 */
export type Stored = string | Uint8Array;

/** Some of many memos, and the cursor of those that follow. */
export interface Page {
  memos: Uint8Array[];
  next?: number;
}

/** What the application reads of a stored memo. */
export interface Memo {
  /** creation time in µs, or a small number where nothing dates a memo of memo.py's */
  id: number;
  text: string;
  /** µs */
  edited?: number;
  /** µs; only in the trash */
  deleted?: number;
  pin: boolean;
}

/** A memo's text may change under two hands; its pin may not. */
export interface Change {
  text?: string;
  pin?: boolean;
}

export type Appended =
  | { status: 'created' | 'existing'; memo: string }
  /** the key was used for another text: nothing is stored */
  | { status: 'key reused' }
  /** the same text was just stored under another key: nothing is stored */
  | { status: 'repeated' }
  /** the person's storage is used up: nothing is stored */
  | { status: 'no room' };

export type Outcome =
  | { status: 'done'; memo: string }
  /** somebody else changed the text: `memo` is the present one, nothing is stored */
  | { status: 'changed'; memo: string }
  | { status: 'missing' }
  | { status: 'too many pins' }
  /** the person's storage is used up, and the change would make the text longer: nothing is stored */
  | { status: 'no room' };

export type MemoStore = ReturnType<typeof createMemoStore>;

export interface MemoStoreOptions {
  /** a connection of its own for long replies, so that short ones do not wait behind them */
  bulk?: RedisClient;
  /** bytes that Redis may take for one person's memos and trash; 0: no limit */
  storagePerPerson?: number;
}

/** Memos a chunk when all of them are read. */
const CHUNK = 500;

/** Pinned memos that are read at once. */
const PINNED_CHUNK = 20;

/** What a script replies that could not begin, because the list is not in order yet. */
const UNFINISHED = -1;

/** Members named "id" in memo.py's elements that one script gives another name. */
const FOREIGN_IDS = 5000;

/** The first arguments of whatever is done in the trash. */
const TRASH_BOUNDS = [TRASH_ENTRIES, TRASH_BYTES] as const;

/** Of `{"id":` and an id. */
const ID_BYTES = 22;

/** How often a change is tried anew when others keep changing the same memo. */
const ATTEMPTS = 20;

/**
 * The memos of everybody. Methods return memos as they are stored; {@link parseMemo} reads one.
 * Every method rejects when Redis refuses or does not answer; a write then has an unknown outcome
 * and can be repeated safely: `append` by its key, the others by themselves.
 */
export function createMemoStore(
  redis: RedisClient,
  { bulk = redis, storagePerPerson = 0 }: MemoStoreOptions = {},
) {
  for (const client of [redis, bulk]) {
    client.defineCommand('memos', { numberOfKeys: 1, lua: script });
  }

  const takeTurn = createFairQueue(LONG_READS);
  /** Asks for what can be long, and goes on with it when it is its turn. */
  const readLong = (user: string, key: string, operation: string, ...args: (string | number)[]) =>
    takeTurn(user, async () => {
      const reply = await bulk.memosBuffer(key, operation, ...args);
      if (measure(reply) > LONG_READ_BYTES) await nextTurn();
      return reply;
    });

  const memosKey = (user: string) => `user:${user}:memos`;
  const trashKey = (user: string) => `user:${user}:trash`;
  const pinsKey = (user: string) => `user:${user}:pins`;

  const quota = createQuota(storagePerPerson, async (user) => {
    const keys = [memosKey(user), trashKey(user)];
    const sizes = await Promise.all(keys.map((key) => redis.memos(key, 'memory')));
    return (sizes as number[]).reduce((sum, bytes) => sum + bytes);
  });

  /** The reply of an operation. Until its list is in order, each call of it does a part of that. */
  async function run<T>(ask: () => Promise<unknown>, prepare = async () => {}): Promise<T> {
    for (;;) {
      const reply = await ask();
      if (reply !== UNFINISHED) return reply as T;
      await prepare();
    }
  }

  /** The same of one that needs the ids of all of a person's memos. */
  const runWithIds = <T>(user: string, ask: () => Promise<unknown>) =>
    run<T>(ask, () => assignIds(memosKey(user)));

  /** Gives ids to the elements that have none, as many at once as one script has the time for. */
  async function assignIds(key: string): Promise<void> {
    let given: (Uint8Array | string)[] = [];
    for (;;) {
      const reply = (await redis.memosBuffer(key, 'assign_ids', ...given)) as unknown[];
      const [done, ...unknown] = reply as [number, ...Uint8Array[]];
      if (done) return;
      let left = FOREIGN_IDS;
      given = unknown.flatMap((element) => {
        const text = quote(element);
        if (text) return [element, text];
        const ids = findIds(element);
        const some = ids.slice(0, left);
        left -= some.length;
        return [element, some.join() + (some.length < ids.length ? ',' : '')];
      });
    }
  }

  /** The memo and Redis's time in µs. */
  async function read(user: string, id: number): Promise<[memo: string | undefined, now: number]> {
    const ask = () => redis.memos(memosKey(user), 'find', id);
    const [, now, memo] = await runWithIds<[looked: 1, now: string, memo?: string]>(user, ask);
    return [memo, Number(now)];
  }

  /**
   * The newest entry of the trash with this id, and the memo that it is of; or nothing.
   * @param recent whether it is enough to look where what was deleted just now would be
   */
  async function findDiscarded(
    user: string,
    id: number,
    recent = false,
  ): Promise<[entry?: string, memo?: string]> {
    let stop: number | '' = '';
    const ask = () => redis.memos(trashKey(user), 'discarded', ...TRASH_BOUNDS, id, stop);
    for (;;) {
      const [next, ...found] = await run<[next: number, entry?: string, memo?: string]>(ask);
      if (!next || recent) return found;
      stop = next;
    }
  }

  /**
   * Puts a pinned memo into the index, if it is not there. False when that makes too many: then it
   * is not pinned any more.
   */
  async function indexPin(user: string, id: number): Promise<boolean> {
    const added = await redis.sadd(pinsKey(user), id);
    if (!added || (await redis.scard(pinsKey(user))) <= PINS) return true;
    await store.edit(user, id, { pin: false });
    return false;
  }

  /** Takes `id` out of the index unless the memo is pinned, or was pinned again meanwhile. */
  async function unindexPin(user: string, id: number): Promise<void> {
    await redis.srem(pinsKey(user), id);
    const [memo] = await read(user, id);
    if (memo && parseMemo(memo).pin) await indexPin(user, id);
  }

  const store = {
    /**
     * Adds a memo, if there is room for it. With a `key` that one of the last 200 memos carries,
     * nothing is added: the outcome is the existing memo, or `key reused` when its text is another
     * one.
     * @param options.refuseRepeat nor is anything added when the newest memo has just this text and
     *   another key, and is of the last ten minutes: `repeated`
     */
    async append(
      user: string,
      text: string,
      key?: string,
      { refuseRepeat = false } = {},
    ): Promise<Appended> {
      const textMember = `,"text":${JSON.stringify(text)}`;
      const keyMember = key === undefined ? '' : `"key":${JSON.stringify(key)}`;
      const members = `${textMember}${keyMember && `,${keyMember}`}}`;
      const bytes = countBytes(members) + ID_BYTES;
      const full = (await quota.hasRoom(user, bytes)) ? 0 : 1;
      const repeated = refuseRepeat && key !== undefined ? `${textMember},"key":"` : '';
      const ask = () => redis.memos(memosKey(user), 'append', members, keyMember, repeated, full);
      const [added, memo] = await runWithIds<[added: number, memo?: string]>(user, ask);
      if (memo === undefined) return { status: 'no room' };
      if (added) {
        quota.add(user, bytes);
        return { status: 'created', memo };
      }
      if (parseObject(memo).key !== key) return { status: 'repeated' };
      return parseMemo(memo).text === text
        ? { status: 'existing', memo }
        : { status: 'key reused' };
    },

    /**
     * Up to `limit` memos older than the id `before`, newest first, fewer when they are very long;
     * `next` when more follow.
     */
    async page(user: string, limit: number, before?: number): Promise<Page> {
      const ask = () => readLong(user, memosKey(user), 'page', before ?? '', limit);
      const [more, memos] = await runWithIds<[more: number, memos: Uint8Array[]]>(user, ask);
      const last = memos.at(-1);
      return more && last ? { memos, next: idOf(last) } : { memos };
    },

    /**
     * All memos, newest first, in chunks of a JSON array's members: memory stays flat. What is added
     * meanwhile is left out.
     */
    async *all(user: string): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
      let before: number | undefined;
      do {
        const { memos, next } = await this.page(user, CHUNK, before);
        // The last of them may have been deleted meanwhile.
        if (memos.length > 0) yield joinMembers(memos);
        before = next;
      } while (before !== undefined);
    },

    /**
     * Up to `limit` memos whose text `matches`, newest first, older than the id `before`, fewer when
     * they are very long; `next` when more may follow. Other requests get their turn all the time:
     * it pauses every few milliseconds.
     * @param signal ends it early, with what was found by then
     */
    async search(
      user: string,
      matches: (text: string) => boolean,
      limit: number,
      before?: number,
      signal?: AbortSignal,
    ): Promise<Page> {
      const found: Uint8Array[] = [];
      let length = 0;
      let cursor = before;
      // What everybody looks for is found among the newest: then it is no more work than a page.
      let chunk = limit + 1;
      const pauseForOthers = takeTurns();
      do {
        const { memos, next } = await this.page(user, Math.min(chunk, CHUNK), cursor);
        chunk *= 4;
        for (const memo of memos) {
          const { text } = parseMemo(memo);
          if (matches(text)) {
            if (found.length === limit || length > REPLY_BYTES) {
              return { memos: found, next: idOf(found.at(-1)!) };
            }
            // A copy: as it is, it would keep all that came with it from the socket, 64 KB.
            found.push(new Uint8Array(memo));
            length += text.length;
          }
          const pause = pauseForOthers();
          if (pause) await pause;
        }
        cursor = next;
      } while (cursor !== undefined && !signal?.aborted);
      return { memos: found };
    },

    /** The pinned memos, newest first; not all of them when they are very long. */
    async pinned(user: string): Promise<Uint8Array[]> {
      const ids = (await redis.smembers(pinsKey(user))).map(Number).sort((a, b) => b - a);
      const pinned: Uint8Array[] = [];
      let length = 0;
      while (ids.length > 0 && length < REPLY_BYTES) {
        const some = ids.slice(0, PINNED_CHUNK);
        const ask = () => readLong(user, memosKey(user), 'find', ...some);
        type Found = [looked: number, now: Uint8Array, ...memos: Uint8Array[]];
        const [looked, , ...found] = await runWithIds<Found>(user, ask);
        ids.splice(0, looked);
        const kept = found
          .map((stored) => ({ stored, ...parseMemo(stored) }))
          .filter(({ pin }) => pin);
        const present = new Set(kept.map(({ id }) => id));
        const stale = some.slice(0, looked).filter((id) => !present.has(id));
        // Tidying is for later readings' sake: when Redis takes no writes, this one goes on.
        await Promise.all(stale.map((id) => unindexPin(user, id).catch(() => {})));
        for (const { stored, text } of kept) {
          pinned.push(stored);
          length += text.length;
        }
      }
      return pinned;
    },

    /** One memo, or undefined. */
    async find(user: string, id: number): Promise<string | undefined> {
      return (await read(user, id))[0];
    },

    /**
     * Changes a memo's text or pin.
     * @param version what {@link versionOf} gave for the text that the change is based on; a memo
     *   that has another one is left alone, unless it already is what the change makes of it (a
     *   repeated request). Undefined: whatever the text is now.
     */
    async edit(user: string, id: number, change: Change, version?: number): Promise<Outcome> {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const [stored, now] = await read(user, id);
        if (stored === undefined) return { status: 'missing' };
        const memo = parseMemo(stored);
        const text = change.text ?? memo.text;
        const pin = change.pin ?? memo.pin;
        const newText = text !== memo.text;
        const repeated = change.text !== undefined && !newText && pin === memo.pin;
        if (version !== undefined && version !== versionOf(memo) && !repeated) {
          return { status: 'changed', memo: stored };
        }
        const members: Members = new Map();
        if (newText) {
          members.set('text', JSON.stringify(text));
          members.set('edited', String(Math.max(now, versionOf(memo) + 1)));
        }
        if (pin !== memo.pin) members.set('pin', pin ? 'true' : undefined);
        const edited = members.size > 0 ? setMembers(stored, members) : stored;
        const growth = countBytes(edited) - countBytes(stored);
        // A tick must not fail because it dates the memo's first change.
        const [before, after] = [memo.text, text].map((it) => countBytes(JSON.stringify(it)));
        if (after! > before! && growth > 0 && !(await quota.hasRoom(user, growth))) {
          return { status: 'no room' };
        }
        if (pin && !memo.pin && !(await redis.memos(pinsKey(user), 'pin', id, PINS))) {
          return { status: 'too many pins' };
        }
        if (edited !== stored && !(await redis.memos(memosKey(user), 'replace', stored, edited))) {
          continue;
        }
        quota.add(user, growth);
        // Again after the truth is written: a reader or an unpinning elsewhere may have cleared the
        // index, and another memo may have taken the place.
        if (change.pin && !(await indexPin(user, id))) return { status: 'too many pins' };
        if (change.pin === false) await unindexPin(user, id);
        return { status: 'done', memo: edited };
      }
      throw new Error('the memo kept changing');
    },

    /**
     * Moves a memo to the trash. One that is there already is `done`: a repeated request.
     * @param version as for `edit`
     */
    async remove(user: string, id: number, version?: number): Promise<Outcome> {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const [memo] = await read(user, id);
        if (memo === undefined) {
          const [, trashed] = await findDiscarded(user, id);
          if (trashed !== undefined) return { status: 'done', memo: trashed };
          // It may have been restored between the two looks.
          if ((await read(user, id))[0] === undefined) return { status: 'missing' };
          continue;
        }
        if (version !== undefined && version !== versionOf(parseMemo(memo))) {
          return { status: 'changed', memo };
        }
        await run(() => redis.memos(trashKey(user), 'discard', ...TRASH_BOUNDS, memo));
        // A memo that was edited in between is another element, and stays: once more from the start.
        if ((await redis.memos(memosKey(user), 'remove', memo)) === 0) continue;
        if (parseMemo(memo).pin) await unindexPin(user, id);
        return { status: 'done', memo };
      }
      throw new Error('the memo kept changing');
    },

    /**
     * Moves a memo from the trash back to its old place. One that is in its place already is
     * `done`, and its copy in the trash stays until it expires: a removal that has not ended yet
     * may rely on it. With as many pins as there may be, it comes back without its own.
     */
    async restore(user: string, id: number): Promise<Outcome> {
      let [entry, trashed] = await findDiscarded(user, id);
      if (trashed === undefined) {
        const [memo] = await read(user, id);
        if (memo !== undefined) return { status: 'done', memo };
        // It may have been deleted between the two looks.
        [entry, trashed] = await findDiscarded(user, id, true);
      }
      if (entry === undefined || trashed === undefined) return { status: 'missing' };
      const ask = () => redis.memos(memosKey(user), 'insert', trashed);
      const [inserted, memo] = await runWithIds<[inserted: number, memo: string]>(user, ask);
      const fits = !parseMemo(memo).pin || (await indexPin(user, idOf(memo)));
      if (inserted) await redis.lrem(trashKey(user), -1, entry);
      return fits ? { status: 'done', memo } : this.edit(user, idOf(memo), { pin: false });
    },

    /**
     * Up to `limit` memos of the trash that were deleted before the time `before` (µs), the last
     * deleted first, fewer when they are very long; `next` when more follow.
     */
    async trash(user: string, limit: number, before?: number): Promise<Page> {
      const ask = () =>
        readLong(user, trashKey(user), 'trash', ...TRASH_BOUNDS, limit, before ?? '');
      const [, next, memos] = await run<[count: number, next: number, memos: Uint8Array[]]>(ask);
      return next ? { memos, next } : { memos };
    },

    /** How many memos are in the trash. */
    async countTrash(user: string): Promise<number> {
      const ask = () => redis.memos(trashKey(user), 'trash', ...TRASH_BOUNDS, 0, '');
      const [count] = await run<[number]>(ask);
      return count;
    },

    /** Deletes all that is in the trash for good. */
    async empty(user: string): Promise<void> {
      await redis.unlink(trashKey(user));
    },

    /** Deletes a memo that is in the trash for good. False when it is not there. */
    async purge(user: string, id: number): Promise<boolean> {
      const [entry] = await findDiscarded(user, id);
      return entry !== undefined && (await redis.lrem(trashKey(user), -1, entry)) > 0;
    },
  };
  return store;
}

/** Stored memos as the members of a JSON array. */
export const joinMembers = (memos: Uint8Array[]) => joinBytes(memos, COMMA);

const COMMA = 0x2c;
// Keeps a BOM, as the client does that makes strings of what it reads.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const encoder = new TextEncoder();
const countBytes = (text: string) => encoder.encode(text).length;

const jsonOf = (stored: Stored) => (typeof stored === 'string' ? stored : decoder.decode(stored));

/** The id in front of a stored memo. */
export function idOf(stored: Stored): number {
  // All of the id and a little more: most of what is long need not be decoded.
  const start = jsonOf(stored.slice(0, 40));
  return Number(/^\{"id":(\d+)/.exec(start)?.[1]);
}

/**
 * Reads a stored memo, whoever wrote it: members of an unexpected type count as missing, and what
 * has no text is shown as it is stored.
 */
export function parseMemo(stored: Stored): Memo {
  const json = jsonOf(stored);
  const { text, edited, deleted, pin } = parseObject(json);
  return {
    id: idOf(json),
    text: typeof text === 'string' ? text : json,
    ...(Number.isSafeInteger(edited) && { edited: edited as number }),
    ...(Number.isSafeInteger(deleted) && { deleted: deleted as number }),
    pin: pin === true,
  };
}

/** The members of a JSON object; none of anything else, which only a hand in Redis writes. */
export function parseObject(json: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(json));
  } catch {
    return {};
  }
}

/** The version of a memo's text: changes with every edit, and only then. */
export function versionOf(memo: Memo): number {
  return memo.edited ?? memo.id;
}

/** Values as JSON source; undefined takes the member out. */
type Members = Map<string, string | undefined>;

/**
 * Sets members of a JSON object in its source text. The others keep their exact source, which
 * parsing and printing would change (numbers beyond 2^53, `1.0`, repeated names).
 */
export function setMembers(json: string, members: Members): string {
  const left = new Map(members);
  const sources: string[] = [];
  const write = (name: string, value: string | undefined) => {
    if (value !== undefined) sources.push(`${name}:${value}`);
  };
  for (const [source, value] of membersOf(json)) {
    const name = JSON.parse(source) as string;
    write(source, members.has(name) ? left.get(name) : value);
    left.delete(name);
  }
  for (const [name, value] of left) write(JSON.stringify(name), value);
  return `{${sources.join(',')}}`;
}

/** Top-level members of a JSON object: the sources of name and value. */
function membersOf(json: string): [name: string, value: string][] {
  const members: [string, string][] = [];
  let depth = 0;
  let start = 0;
  let colon = 0;
  for (const { 0: token, index } of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g)) {
    const closes = token === '}' || token === ']';
    if (depth === 1 && (token === ',' || closes) && colon > start) {
      members.push([json.slice(start, colon).trim(), json.slice(colon + 1, index).trim()]);
      start = index + 1;
    }
    if (depth === 1 && token === ':') colon = index;
    if (token === '{' || token === '[') {
      depth++;
      if (depth === 1) start = index + 1;
    } else if (closes) depth--;
  }
  return members;
}

/** Bytes of the texts in a reply. */
function measure(reply: unknown): number {
  if (reply instanceof Uint8Array) return reply.byteLength;
  return Array.isArray(reply) ? reply.reduce((sum, part) => sum + measure(part), 0) : 0;
}
