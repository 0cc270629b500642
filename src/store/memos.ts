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
import {
  LONG_READ_BYTES,
  LONG_READS,
  PINS,
  REPLY_BYTES,
  SEARCH_CHUNK,
  TRASH_BYTES,
  TRASH_ENTRIES,
} from '../memo/bounds.ts';
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
  defineScripts,
  type MemosOperation,
  type RedisClient,
  UNFINISHED,
} from './scripts.ts';

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

/** Pinned memos that are read at once. */
const PINNED_CHUNK = 20;

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
  for (const client of [redis, bulk]) defineScripts(client);

  const waitForTurn = createFairQueue(LONG_READS);
  /** Reads what can be long: waits for its turn, and yields before the caller works on a long reply. */
  const readLong = <O extends MemosOperation>(
    user: string,
    key: string,
    operation: O,
    ...args: ArgsOf<O>
  ): Promise<BytesReplyOf<O>> =>
    waitForTurn(user, async () => {
      const reply = await bulk.memosBuffer(key, operation, ...args);
      if (measure(reply) > LONG_READ_BYTES) await yieldNow();
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

  /** Repeats an operation until it is finished; each call does a part of its preparation. */
  async function run<T>(
    ask: () => Promise<T>,
    prepare = async () => {},
  ): Promise<Exclude<T, typeof UNFINISHED>> {
    for (;;) {
      const reply = await ask();
      if (reply !== UNFINISHED) return reply as Exclude<T, typeof UNFINISHED>;
      await prepare();
    }
  }

  /** Runs an operation that needs every memo of the person to have an id. */
  const runWithIds = <T>(user: string, ask: () => Promise<T>) =>
    run(ask, () => assignIds(memosKey(user)));

  /** Gives ids to the elements that have none, as many at once as one script has the time for. */
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

  /** The memo, to the byte, and Redis's time in µs. */
  async function read(
    user: string,
    id: number,
  ): Promise<[memo: MemoBytes | undefined, now: number]> {
    const ask = () => redis.memosBuffer(memosKey(user), 'find', id);
    const [, now, memo] = await runWithIds(user, ask);
    return [memo, Number(jsonOf(now))];
  }

  /**
   * The newest entry of the trash with this id, and the memo that it is of; or nothing.
   * @param recent whether it is enough to look where what was deleted just now would be
   */
  async function findDiscarded(
    user: string,
    id: number,
    recent = false,
  ): Promise<[entry?: MemoBytes, memo?: MemoBytes]> {
    let stop: number | '' = '';
    const ask = () => redis.memosBuffer(trashKey(user), 'discarded', ...TRASH_BOUNDS, id, stop);
    for (;;) {
      const [next, ...found] = await run(ask);
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

  /**
   * Up to `limit` memos older than the id `before`, newest first, fewer when they are very long;
   * `next` when more follow.
   */
  async function page(user: string, limit: number, before?: number): Promise<MemoPage> {
    const ask = () => readLong(user, memosKey(user), 'page', before ?? '', limit);
    const [more, memos] = await runWithIds(user, ask);
    const last = memos.at(-1);
    return more && last ? { memos, next: idOf(last) } : { memos };
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
      const [added, memo] = await runWithIds(user, ask);
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
     * All memos, newest first, in chunks of a JSON array's members: memory stays flat. What is added
     * meanwhile is left out.
     */
    async *all(user: string): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
      let before: number | undefined;
      do {
        const { memos, next } = await page(user, SEARCH_CHUNK, before);
        // The last of them may have been deleted meanwhile.
        if (memos.length > 0) yield joinMembers(memos);
        before = next;
      } while (before !== undefined);
    },

    /**
     * Up to `limit` memos whose text `matches`, newest first, older than the id `before`, fewer when
     * they are very long; `next` when more may follow. Yields to other requests every few ms.
     * @param signal ends the search early, with what was found until then
     */
    search: (
      user: string,
      matches: MatchText,
      limit: number,
      before?: number,
      signal?: AbortSignal,
    ): Promise<MemoPage> =>
      searchPages((size, cursor) => page(user, size, cursor), matches, limit, before, signal),

    /** The pinned memos, newest first; not all of them when they are very long. */
    async pinned(user: string): Promise<Uint8Array[]> {
      const ids = (await redis.smembers(pinsKey(user))).map(Number).sort((a, b) => b - a);
      const pinned: Uint8Array[] = [];
      let length = 0;
      while (ids.length > 0 && length < REPLY_BYTES) {
        const some = ids.slice(0, PINNED_CHUNK);
        const ask = () => readLong(user, memosKey(user), 'find', ...some);
        const [looked, , ...found] = await runWithIds(user, ask);
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
      const [memo] = await read(user, id);
      return memo && jsonOf(memo);
    },

    /**
     * Changes a memo's text or pin.
     * @param version what {@link versionOf} gave for the text that the change is based on; a memo
     *   that has another one is left alone, unless it already is what the change makes of it (a
     *   repeated request). Undefined: whatever the text is now.
     */
    async edit(user: string, id: number, change: Change, version?: number): Promise<Outcome> {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const [bytes, now] = await read(user, id);
        if (bytes === undefined) return { status: 'missing' };
        const stored = jsonOf(bytes);
        const memo = parseMemo(stored);
        const text = change.text ?? memo.text;
        const pin = change.pin ?? memo.pin;
        const newText = text !== memo.text;
        const repeated = change.text !== undefined && !newText && pin === memo.pin;
        if (version !== undefined && version !== versionOf(memo) && !repeated) {
          return { status: 'changed', memo: stored };
        }
        const members: MemberSources = new Map();
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
        if (edited !== stored && !(await redis.memos(memosKey(user), 'replace', bytes, edited))) {
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
          if (trashed !== undefined) return { status: 'done', memo: jsonOf(trashed) };
          // It may have been restored between the two looks.
          if ((await read(user, id))[0] === undefined) return { status: 'missing' };
          continue;
        }
        if (version !== undefined && version !== versionOf(parseMemo(memo))) {
          return { status: 'changed', memo: jsonOf(memo) };
        }
        await run(() => redis.memos(trashKey(user), 'discard', ...TRASH_BOUNDS, memo));
        // A memo that was edited in between is another element, and stays: once more from the start.
        if ((await redis.memos(memosKey(user), 'remove', memo)) === 0) continue;
        if (parseMemo(memo).pin) await unindexPin(user, id);
        return { status: 'done', memo: jsonOf(memo) };
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
        if (memo !== undefined) return { status: 'done', memo: jsonOf(memo) };
        // It may have been deleted between the two looks.
        [entry, trashed] = await findDiscarded(user, id, true);
      }
      if (entry === undefined || trashed === undefined) return { status: 'missing' };
      const ask = () => redis.memos(memosKey(user), 'insert', trashed);
      const [inserted, memo] = await runWithIds(user, ask);
      const fits = !parseMemo(memo).pin || (await indexPin(user, idOf(memo)));
      if (inserted) await redis.lrem(trashKey(user), -1, entry);
      return fits ? { status: 'done', memo } : store.edit(user, idOf(memo), { pin: false });
    },

    /**
     * Up to `limit` memos of the trash that were deleted before the time `before` (µs), the last
     * deleted first, fewer when they are very long; `next` when more follow.
     */
    async trash(user: string, limit: number, before?: number): Promise<MemoPage> {
      const ask = () =>
        readLong(user, trashKey(user), 'trash', ...TRASH_BOUNDS, limit, before ?? '');
      const [, next, memos] = await run(ask);
      return next ? { memos, next } : { memos };
    },

    /** How many memos are in the trash. */
    async countTrash(user: string): Promise<number> {
      const ask = () => redis.memos(trashKey(user), 'trash', ...TRASH_BOUNDS, 0, '');
      const [count] = await run(ask);
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

/** Bytes of the texts in a reply. */
function measure(reply: unknown): number {
  if (reply instanceof Uint8Array) return reply.byteLength;
  return Array.isArray(reply) ? reply.reduce((sum, part) => sum + measure(part), 0) : 0;
}
