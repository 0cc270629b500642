/**
 * The memo store.
 *
 * Keys of each person (each command and script uses one key, so a cluster may spread them):
 * - `user:<id>:memos`  list, one JSON object per memo, oldest first: the truth
 * - `user:<id>:trash`  list, deleted memos with an ascending "deleted" (µs) as the last member,
 *                      newest last
 * - `user:<id>:pins`   set of ids: an index of the memos with "pin":true; it contains all of them,
 *                      and sometimes ids of others
 *
 * A memo is `{"id":…,"text":…}` with optional "edited", "pin" and "key"; other members are kept as
 * they were written. "id" comes first. It is the creation time in µs by Redis's clock, unique and
 * ascending in the list, so every lookup is a binary search.
 *
 * Operations that move a memo between two keys write the copy before they remove the original, and
 * continue their own interrupted attempts. A crash or a lost reply can leave a memo in both places,
 * never in none.
 */
import {
  LONG_READ_BYTES,
  LONG_READS,
  PINS,
  REPLY_BYTES,
  SEARCH_CHUNK,
  TRASH_BYTES,
  TRASH_ENTRIES,
} from '../memo/bounds.ts';
import { fromLatin1, toLatin1 } from '../memo/bytes.ts';
import { createFairQueue } from '../memo/fair-queue.ts';
import { findIds, quote } from '../memo/foreign.ts';
import { type MatchText, searchPages } from '../memo/search.ts';
import {
  countBytes,
  idOf,
  joinMembers,
  jsonOf,
  type MemberSources,
  type MemoBytes,
  type MemoPage,
  parseMemo,
  parseObject,
  setMembers,
  versionOf,
} from '../memo/stored-memo.ts';
import { yieldNow } from '../memo/yielding.ts';
import { createQuota } from './quota.ts';
import {
  type ArgsOf,
  type BytesReplyOf,
  defineMemos,
  type MemosOperation,
  type RedisClient,
  UNFINISHED,
} from './scripts.ts';

/** The members of a memo that a person can change. */
export interface Change {
  /** the new text, or a function of the present one; undefined: it cannot be changed like this */
  text?: string | ((text: string) => string | undefined);
  pin?: boolean;
}

/** What `append` has done. */
export type AppendResult =
  | { status: 'created' | 'existing'; memo: string }
  /** nothing is stored: the key belongs to a memo with another text */
  | { status: 'key reused' }
  /** nothing is stored: the same text was just stored under another key */
  | { status: 'repeated' }
  /** nothing is stored: the person's storage is full */
  | { status: 'no room' };

/** What an operation on one memo has done. `memo` is the memo as edited, deleted or restored. */
export type Outcome =
  | { status: 'done'; memo: string }
  /** nothing is stored: the text has changed since the given version; `memo` is the present one */
  | { status: 'changed'; memo: string }
  | { status: 'missing' }
  /** nothing is stored: the function of the change returned undefined */
  | { status: 'not applicable' }
  | { status: 'too many pins' }
  /** nothing is stored: the person's storage is full, and the new text is longer */
  | { status: 'no room' };

export type MemoStore = ReturnType<typeof createMemoStore>;

export interface MemoStoreOptions {
  /** a separate connection for long replies, so that short ones do not wait behind them */
  bulk?: RedisClient;
  /** bytes that Redis may take for one person's memos and trash; 0: no limit */
  storagePerPerson?: number;
}

const encoder = new TextEncoder();

/** Pinned memos that one call reads. */
const PINNED_CHUNK = 20;

/** Members named "id" in memo.py's elements that one call renames. */
const FOREIGN_IDS = 5000;

/** The first arguments of every operation on the trash. */
const TRASH_BOUNDS = [TRASH_ENTRIES, TRASH_BYTES] as const;

/** Bytes of `{"id":` and an id. */
const ID_BYTES = 22;

/** How often an edit or a deletion is tried while other clients keep changing the same memo. */
const ATTEMPTS = 20;

/**
 * Creates the store of all people's memos. `user` is a person's id everywhere, `id` a memo's.
 * Methods return memos as they are stored; {@link parseMemo} reads one. Every method rejects if Redis
 * fails (see `readRedisFailure`). The outcome of a write is then unknown, and the write can be repeated
 * safely: `append` with the same key, the others as they are.
 */
export function createMemoStore(
  redis: RedisClient,
  { bulk = redis, storagePerPerson = 0 }: MemoStoreOptions = {},
) {
  for (const client of [redis, bulk]) defineMemos(client);

  const waitForTurn = createFairQueue(LONG_READS);
  /** Runs an operation whose reply can be long: waits for its turn, and yields if the reply is long. */
  const readLong = <O extends MemosOperation>(
    user: string,
    key: string,
    operation: O,
    ...args: ArgsOf<O>
  ): Promise<BytesReplyOf<O>> =>
    waitForTurn(user, async () => {
      const reply = await bulk.memosBuffer(key, operation, ...args);
      if (byteLengthOf(reply) > LONG_READ_BYTES) await yieldNow();
      return reply;
    });

  const memosKey = (user: string) => `user:${user}:memos`;
  const trashKey = (user: string) => `user:${user}:trash`;
  const pinsKey = (user: string) => `user:${user}:pins`;

  const quota = createQuota(storagePerPerson, async (user) => {
    const keys = [memosKey(user), trashKey(user)];
    const sizes = await Promise.all(keys.map((key) => redis.memos(key, 'memory')));
    return sizes.reduce((sum, bytes) => sum + bytes);
  });

  /** Repeats an operation, with `prepare` in between, until its preparation is complete. */
  async function run<T>(
    call: () => Promise<T>,
    prepare = async () => {},
  ): Promise<Exclude<T, typeof UNFINISHED>> {
    for (;;) {
      const reply = await call();
      if (reply !== UNFINISHED) return reply as Exclude<T, typeof UNFINISHED>;
      await prepare();
    }
  }

  /** Runs an operation that needs an id in each element of the list. */
  const runWithIds = <T>(user: string, call: () => Promise<T>) =>
    run(call, () => assignIds(memosKey(user)));

  /** Gives ids to all elements without one, a bounded number per call. */
  async function assignIds(key: string): Promise<void> {
    let given: (Uint8Array | string)[] = [];
    for (;;) {
      const [done, ...unknown] = await redis.memosBuffer(key, 'assign_ids', ...given);
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

  /** The exact bytes of a memo, and Redis's time in µs. */
  async function read(
    user: string,
    id: number,
  ): Promise<[memo: MemoBytes | undefined, now: number]> {
    const call = () => redis.memosBuffer(memosKey(user), 'find', id);
    const [, now, memo] = await runWithIds(user, call);
    return [memo, Number(jsonOf(now))];
  }

  /**
   * The newest entry of the trash with this id, and its memo; an empty array if there is none.
   * @param recent whether one call is enough: a memo that was deleted just now is among the newest
   */
  async function findDiscarded(
    user: string,
    id: number,
    recent = false,
  ): Promise<[entry?: MemoBytes, memo?: MemoBytes]> {
    let stop: number | '' = '';
    const call = () => redis.memosBuffer(trashKey(user), 'discarded', ...TRASH_BOUNDS, id, stop);
    for (;;) {
      const [next, ...found] = await run(call);
      if (!next || recent) return found;
      stop = next;
    }
  }

  /**
   * Adds a pinned memo to the index if it is missing. If that makes too many pins, unpins the memo and
   * returns false.
   */
  async function indexPin(user: string, id: number): Promise<boolean> {
    const added = await redis.sadd(pinsKey(user), id);
    if (!added || (await redis.scard(pinsKey(user))) <= PINS) return true;
    await store.edit(user, id, { pin: false });
    return false;
  }

  /** Removes `id` from the index, unless the memo is pinned or has been pinned again meanwhile. */
  async function unindexPin(user: string, id: number): Promise<void> {
    await redis.srem(pinsKey(user), id);
    const [memo] = await read(user, id);
    if (memo && parseMemo(memo).pin) await indexPin(user, id);
  }

  /**
   * Up to `limit` memos with ids below `before`, newest first; fewer if they are very long. `next` is
   * the `before` of the next page, undefined on the last one.
   */
  async function page(user: string, limit: number, before?: number): Promise<MemoPage> {
    const call = () => readLong(user, memosKey(user), 'page', before ?? '', limit);
    const [more, memos] = await runWithIds(user, call);
    const last = memos.at(-1);
    return more && last ? { memos, next: idOf(last) } : { memos };
  }

  const store = {
    /**
     * Adds a memo if the person has room for it.
     * @param key idempotency key: if one of the last 200 memos has it, nothing is added, and the
     *   outcome is that memo (`existing`), or `key reused` if its text differs
     * @param options.refuseRepeat whether the text is refused (`repeated`) if the newest memo has the
     *   same text and another key, and is less than ten minutes old
     */
    async append(
      user: string,
      text: string,
      key?: string,
      { refuseRepeat = false } = {},
    ): Promise<AppendResult> {
      const textMember = `,"text":${JSON.stringify(text)}`;
      const keyMember = key === undefined ? '' : `"key":${JSON.stringify(key)}`;
      const members = `${textMember}${keyMember && `,${keyMember}`}}`;
      const bytes = countBytes(members) + ID_BYTES;
      const full = (await quota.hasRoom(user, bytes)) ? 0 : 1;
      const repeated = refuseRepeat && key !== undefined ? `${textMember},"key":"` : '';
      const call = () => redis.memos(memosKey(user), 'append', members, keyMember, repeated, full);
      const [added, memo] = await runWithIds(user, call);
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

    page,

    /**
     * All memos, newest first, in chunks, each of them the members of a JSON array: memory stays flat.
     * Memos that are added meanwhile are left out.
     */
    async *all(user: string): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
      let before: number | undefined;
      do {
        const { memos, next } = await page(user, SEARCH_CHUNK, before);
        // Empty if the last memos have been deleted meanwhile.
        if (memos.length > 0) yield joinMembers(memos);
        before = next;
      } while (before !== undefined);
    },

    /**
     * Up to `limit` memos with ids below `before` whose text `matches`, newest first; fewer if they are
     * very long. `next` is set if more may follow. Yields to other requests every few ms.
     * @param signal ends the search early with the memos found so far
     */
    search: (
      user: string,
      matches: MatchText,
      limit: number,
      before?: number,
      signal?: AbortSignal,
    ): Promise<MemoPage> =>
      searchPages((size, cursor) => page(user, size, cursor), matches, limit, before, signal),

    /** The pinned memos, newest first; only the newest of them if they are very long. */
    async pinned(user: string): Promise<Uint8Array[]> {
      const ids = (await redis.smembers(pinsKey(user))).map(Number).sort((a, b) => b - a);
      const pinned: Uint8Array[] = [];
      let length = 0;
      while (ids.length > 0 && length < REPLY_BYTES) {
        const some = ids.slice(0, PINNED_CHUNK);
        const call = () => readLong(user, memosKey(user), 'find', ...some);
        const [handled, , ...found] = await runWithIds(user, call);
        ids.splice(0, handled);
        const kept = found
          .map((stored) => ({ stored, ...parseMemo(stored) }))
          .filter(({ pin }) => pin);
        const present = new Set(kept.map(({ id }) => id));
        const stale = some.slice(0, handled).filter((id) => !present.has(id));
        // A Redis that accepts no writes must not fail the read: a later read removes them.
        await Promise.all(stale.map((id) => unindexPin(user, id).catch(() => {})));
        for (const { stored, text } of kept) {
          pinned.push(stored);
          length += text.length;
        }
      }
      return pinned;
    },

    /** A memo, undefined if the list has none with this id. */
    async find(user: string, id: number): Promise<string | undefined> {
      const [memo] = await read(user, id);
      return memo && jsonOf(memo);
    },

    /**
     * Changes a memo's text or pin.
     * @param version the {@link versionOf} the memo that the change is based on. If the stored memo has
     *   another version, nothing is stored (`changed`), unless the change is already made: a repeated
     *   request is `done`. Undefined: the change applies to any version.
     */
    async edit(user: string, id: number, change: Change, version?: number): Promise<Outcome> {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const [bytes, now] = await read(user, id);
        if (bytes === undefined) return { status: 'missing' };
        const stored = jsonOf(bytes);
        const memo = parseMemo(stored);
        const text =
          typeof change.text === 'function' ? change.text(memo.text) : (change.text ?? memo.text);
        const pin = change.pin ?? memo.pin;
        const newText = text !== memo.text;
        const repeated = change.text !== undefined && !newText && pin === memo.pin;
        if (version !== undefined && version !== versionOf(memo) && !repeated) {
          return { status: 'changed', memo: stored };
        }
        if (text === undefined) return { status: 'not applicable' };
        const members: MemberSources = new Map();
        if (newText) {
          members.set('text', toLatin1(encoder.encode(JSON.stringify(text))));
          members.set('edited', String(Math.max(now, versionOf(memo) + 1)));
        }
        if (pin !== memo.pin) members.set('pin', pin ? 'true' : undefined);
        // By bytes: of an element that is no UTF-8, the other members stay as they are.
        const edited = members.size > 0 ? fromLatin1(setMembers(toLatin1(bytes), members)) : bytes;
        const growth = edited.byteLength - bytes.byteLength;
        // Only a longer text needs room: ticking a task adds bytes, too, if it adds "edited".
        const isLonger = countBytes(JSON.stringify(text)) > countBytes(JSON.stringify(memo.text));
        if (isLonger && growth > 0 && !(await quota.hasRoom(user, growth))) {
          return { status: 'no room' };
        }
        if (pin && !memo.pin && !(await redis.memos(pinsKey(user), 'pin', id, PINS))) {
          return { status: 'too many pins' };
        }
        if (edited !== bytes && !(await redis.memos(memosKey(user), 'replace', bytes, edited))) {
          continue;
        }
        quota.add(user, growth);
        // Once more after the memo is written: a concurrent read or unpin may have removed the id from
        // the index, and another memo may have taken its place.
        if (change.pin && !(await indexPin(user, id))) return { status: 'too many pins' };
        if (change.pin === false) await unindexPin(user, id);
        return { status: 'done', memo: jsonOf(edited) };
      }
      throw new Error('the memo kept changing');
    },

    /**
     * Moves a memo to the trash. If it is there already, the outcome is `done`: a repeated request.
     * @param version as for `edit`
     */
    async remove(user: string, id: number, version?: number): Promise<Outcome> {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const [memo] = await read(user, id);
        if (memo === undefined) {
          const [, trashed] = await findDiscarded(user, id);
          if (trashed !== undefined) return { status: 'done', memo: jsonOf(trashed) };
          // It may have been restored between the two reads.
          if ((await read(user, id))[0] === undefined) return { status: 'missing' };
          continue;
        }
        if (version !== undefined && version !== versionOf(parseMemo(memo))) {
          return { status: 'changed', memo: jsonOf(memo) };
        }
        await run(() => redis.memos(trashKey(user), 'discard', ...TRASH_BOUNDS, memo));
        // If the memo was edited in between, the list contains another element: start again.
        if ((await redis.memos(memosKey(user), 'remove', memo)) === 0) continue;
        if (parseMemo(memo).pin) await unindexPin(user, id);
        return { status: 'done', memo: jsonOf(memo) };
      }
      throw new Error('the memo kept changing');
    },

    /**
     * Moves a memo from the trash back to its old place. If it is there already, the outcome is
     * `done`, and its copy in the trash stays until it expires: a deletion that is still running may
     * rely on it. The memo loses its pin if the person already has the maximum number of pins.
     */
    async restore(user: string, id: number): Promise<Outcome> {
      let [entry, trashed] = await findDiscarded(user, id);
      if (trashed === undefined) {
        const [memo] = await read(user, id);
        if (memo !== undefined) return { status: 'done', memo: jsonOf(memo) };
        // It may have been deleted between the two reads.
        [entry, trashed] = await findDiscarded(user, id, true);
      }
      if (entry === undefined || trashed === undefined) return { status: 'missing' };
      const call = () => redis.memos(memosKey(user), 'insert', trashed);
      const [inserted, memo] = await runWithIds(user, call);
      const fits = !parseMemo(memo).pin || (await indexPin(user, idOf(memo)));
      if (inserted) await redis.lrem(trashKey(user), -1, entry);
      return fits ? { status: 'done', memo } : store.edit(user, idOf(memo), { pin: false });
    },

    /**
     * Up to `limit` memos of the trash that were deleted before the time `before` (µs), last deleted
     * first; fewer if they are very long. `next` is the `before` of the next page, undefined on the
     * last one.
     */
    async trash(user: string, limit: number, before?: number): Promise<MemoPage> {
      const call = () =>
        readLong(user, trashKey(user), 'trash', ...TRASH_BOUNDS, limit, before ?? '');
      const [, next, memos] = await run(call);
      return next ? { memos, next } : { memos };
    },

    /** How many memos are in the trash. */
    async countTrash(user: string): Promise<number> {
      const call = () => redis.memos(trashKey(user), 'trash', ...TRASH_BOUNDS, 0, '');
      const [count] = await run(call);
      return count;
    },

    /** Deletes the whole trash for good. */
    async empty(user: string): Promise<void> {
      await redis.unlink(trashKey(user));
    },

    /** Deletes a memo in the trash for good. Returns false if the trash does not contain it. */
    async purge(user: string, id: number): Promise<boolean> {
      const [entry, memo] = await findDiscarded(user, id);
      if (!entry || !memo || (await redis.lrem(trashKey(user), -1, entry)) === 0) return false;
      // Two deletions at once leave a copy each.
      const [, copy] = await findDiscarded(user, id);
      if (copy && toLatin1(copy) === toLatin1(memo)) await store.purge(user, id);
      return true;
    },
  };
  return store;
}

/** Bytes of all strings in a reply. */
function byteLengthOf(reply: unknown): number {
  if (reply instanceof Uint8Array) return reply.byteLength;
  return Array.isArray(reply) ? reply.reduce((sum, part) => sum + byteLengthOf(part), 0) : 0;
}
