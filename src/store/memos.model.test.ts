/**
 * The store against a model. Arbitrary operations of several clients run one after the other, and
 * after each of them Redis has to contain what a plain array contains. Then operations run
 * concurrently, and no memo may be lost, doubled or out of order.
 */

import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { type Memo, parseMemo, versionOf } from '../memo/stored-memo.ts';
import { connect, newId } from '../testing/app.ts';
import { runBefore } from '../testing/run-before.ts';
import { connectTo, startOwnRedis } from '../testing/stage.ts';
import { createMemoStore, type MemoStore, type Outcome } from './memos.ts';

const CLIENTS = 3;
const redis = connect();
const stores = Array.from({ length: CLIENTS }, () => createMemoStore(connect()));

interface Expected {
  /** undefined until the store has assigned it; then the store's id */
  id?: number;
  text: string;
  pin: boolean;
  version?: number;
  /** a member of memo.py's: its source without spaces and the first quote */
  extra?: string;
}

interface Model {
  list: Expected[];
  /** newest last */
  trash: Expected[];
  keys: Map<string, string>;
}

interface Real {
  user: string;
}

/** Compares the model with Redis, and copies new ids and versions into the model. */
async function compare(model: Model, { user }: Real): Promise<void> {
  const stored = await redis.lrange(`user:${user}:memos`, 0, -1);
  expect(stored.length).toBe(model.list.length);
  let last = 0;
  let numbered = true;
  for (const [i, expected] of model.list.entries()) {
    const source = stored[i]!;
    const memo = parseMemo(source);
    const json = JSON.parse(source);
    expect(json.text).toBe(expected.text);
    expect(memo.pin).toBe(expected.pin);
    if (expected.extra) expect(source.replaceAll(' ', '')).toContain(expected.extra);
    if (Number.isNaN(memo.id)) {
      numbered = false;
      expect(expected.id).toBeUndefined();
      continue;
    }
    expect(numbered, 'elements without an id only at the tail').toBe(true);
    expect(memo.id).toBeGreaterThan(last);
    last = memo.id;
    expected.id ??= memo.id;
    expect(memo.id).toBe(expected.id);
    expected.version ??= versionOf(memo);
    expect(versionOf(memo)).toBe(expected.version);
  }
  const trash = await redis.lrange(`user:${user}:trash`, 0, -1);
  expect(trash.map((entry) => parseMemo(entry).text)).toEqual(model.trash.map(({ text }) => text));
  const index = new Set((await redis.smembers(`user:${user}:pins`)).map(Number));
  for (const { id, pin } of model.list) if (pin) expect(index).toContain(id);
}

/** One of the memos that have an id; undefined if there is none. */
const pick = (memos: Expected[], seed: number) => {
  const numbered = memos.filter(({ id }) => id !== undefined);
  return numbered[seed % numbered.length];
};

class Step implements fc.AsyncCommand<Model, Real> {
  readonly name: string;
  readonly apply: (model: Model, real: Real) => Promise<void>;
  constructor(name: string, apply: (model: Model, real: Real) => Promise<void>) {
    this.name = name;
    this.apply = apply;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    await this.apply(model, real);
    await compare(model, real);
  }
  toString = () => this.name;
}

const client = fc.nat(CLIENTS - 1);
const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
const seed = fc.nat(1000);
const storeOf = (i: number): MemoStore => stores[i]!;

const commands = fc.commands(
  [
    fc.tuple(client, text, fc.option(fc.constantFrom('a', 'b', 'c'))).map(
      ([i, text, key]) =>
        new Step(`append ${JSON.stringify(text)} ${key}`, async (model, { user }) => {
          const { status } = await storeOf(i).append(user, text, key ?? undefined);
          const used = key === null ? undefined : model.keys.get(key);
          if (used === undefined) {
            expect(status).toBe('created');
            model.list.push({ text, pin: false });
            if (key !== null) model.keys.set(key, text);
          } else {
            // The memo of the key may have been edited or deleted since.
            if (status === 'created') model.list.push({ text, pin: false });
            if (status === 'created') expect(model.list.some((m) => m.text === used)).toBe(false);
          }
        }),
    ),
    fc
      .tuple(text, fc.constantFrom('"n": 1.0', '"tags": [{"id": 1}]', '"id": 3', '"\\u0069d": 4'))
      .map(
        ([text, extra]) =>
          new Step(`memo.py ${JSON.stringify(text)}`, async (model, { user }) => {
            await redis.rpush(`user:${user}:memos`, `{"text": ${JSON.stringify(text)}, ${extra}}`);
            model.list.push({ text, pin: false, extra: extra.replaceAll(' ', '').slice(1) });
          }),
      ),
    fc.tuple(client, fc.integer({ min: 1, max: 4 })).map(
      ([i, limit]) =>
        new Step(`read all by ${limit}`, async (model, { user }) => {
          const texts: string[] = [];
          let before: number | undefined;
          do {
            const page = await storeOf(i).page(user, limit, before);
            texts.push(...page.memos.map((memo) => parseMemo(memo).text));
            before = page.next;
          } while (before !== undefined);
          expect(texts).toEqual(model.list.map(({ text }) => text).reverse());
        }),
    ),
    fc.tuple(client, seed, text, fc.boolean()).map(
      ([i, n, text, stale]) =>
        new Step(`edit ${n} ${stale ? 'of an old version' : ''}`, async (model, { user }) => {
          const memo = pick(model.list, n);
          if (!memo) return;
          const version = stale ? memo.version! - 1 : memo.version;
          const { status } = await storeOf(i).edit(user, memo.id!, { text }, version);
          expect(status).toBe(stale && text !== memo.text ? 'changed' : 'done');
          if (status === 'done' && text !== memo.text) {
            memo.text = text;
            delete memo.version;
          }
        }),
    ),
    fc.tuple(client, seed, fc.boolean()).map(
      ([i, n, pin]) =>
        new Step(`${pin ? 'pin' : 'unpin'} ${n}`, async (model, { user }) => {
          const memo = pick(model.list, n);
          if (!memo) return;
          expect((await storeOf(i).edit(user, memo.id!, { pin })).status).toBe('done');
          memo.pin = pin;
          const pinned = await storeOf(i).pinned(user);
          expect(pinned.length).toBe(model.list.filter((m) => m.pin).length);
        }),
    ),
    fc.tuple(client, seed).map(
      ([i, n]) =>
        new Step(`delete ${n}`, async (model, { user }) => {
          const memo = pick(model.list, n);
          if (!memo) return;
          expect((await storeOf(i).remove(user, memo.id!, memo.version)).status).toBe('done');
          model.list.splice(model.list.indexOf(memo), 1);
          model.trash.push(memo);
        }),
    ),
    fc.tuple(client, seed).map(
      ([i, n]) =>
        new Step(`restore ${n}`, async (model, { user }) => {
          const memo = pick(model.trash, n);
          if (!memo) return;
          // Of several with one id (an emptied list was numbered anew) the newest comes back.
          const newest = model.trash.findLast(({ id }) => id === memo.id)!;
          const outcome = (await storeOf(i).restore(user, memo.id!)) as Outcome & { memo: string };
          expect(outcome.status).toBe('done');
          model.trash.splice(model.trash.indexOf(newest), 1);
          newest.id = parseMemo(outcome.memo).id;
          delete newest.version;
          const undated = model.list.every(({ id }) => id === undefined);
          if (undated) for (const [i, m] of model.list.entries()) m.id = i + 1;
          const at = model.list.findIndex(({ id }) => id === undefined || id > newest.id!);
          model.list.splice(at < 0 ? model.list.length : at, 0, newest);
        }),
    ),
    fc.tuple(client, seed).map(
      ([i, n]) =>
        new Step(`purge ${n}`, async (model, { user }) => {
          const memo = pick(model.trash, n);
          if (!memo) return;
          expect(await storeOf(i).purge(user, memo.id!)).toBe(true);
          model.trash.splice(
            model.trash.findLastIndex(({ id }) => id === memo.id),
            1,
          );
        }),
    ),
  ],
  { maxCommands: 40 },
);

test('after any sequence of operations, Redis contains what the model contains', async () => {
  await fc.assert(
    fc.asyncProperty(commands, (commands) =>
      fc.asyncModelRun(
        () => ({ model: { list: [], trash: [], keys: new Map() }, real: { user: newId() } }),
        commands,
      ),
    ),
    { numRuns: inject('thorough') ? 150 : 50 },
  );
}, 60_000);

test('after any concurrent operations, no memo is lost, doubled or out of order', async () => {
  const action = fc.tuple(
    fc.constantFrom(
      'append',
      'resend',
      'memo.py',
      'edit',
      'pin',
      'unpin',
      'delete',
      'restore',
      'read',
    ),
    client,
    seed,
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 60 }), async (actions) => {
      const user = newId();
      const written = new Set<string>();
      const write = async (token: string, key?: string) => {
        await storeOf(0).append(user, `${token}.`, key);
        written.add(token);
      };
      for (const token of ['s0', 's1', 's2', 's3']) await write(token);
      const start = (await redis.lrange(`user:${user}:memos`, 0, -1)).map((m) => parseMemo(m).id);

      await Promise.all(
        actions.map(async ([what, i, n], order) => {
          const store = storeOf(i);
          const id = start[n % start.length]!;
          switch (what) {
            case 'append':
              return write(`a${order}`, `key ${order}`);
            case 'resend': // a client that has got no response, on all connections at once
              await Promise.all(stores.map((s) => s.append(user, `r${order}.`, `again ${order}`)));
              return written.add(`r${order}`);
            case 'memo.py':
              await redis.rpush(`user:${user}:memos`, `{"text": "p${order}."}`);
              return written.add(`p${order}`);
            case 'edit': {
              const memo = await store.find(user, id);
              if (!memo) return;
              const { text } = parseMemo(memo);
              const version = versionOf(parseMemo(memo));
              return store.edit(user, id, { text: `${text.split('.')[0]}.${order}` }, version);
            }
            case 'pin':
            case 'unpin':
              return store.edit(user, id, { pin: what === 'pin' });
            case 'delete':
              return store.remove(user, id);
            case 'restore':
              return store.restore(user, id);
            default:
              return store.page(user, 5);
          }
        }),
      );

      await storeOf(0).page(user, 1);
      const list = (await redis.lrange(`user:${user}:memos`, 0, -1)).map(parseMemo);
      const trash = (await redis.lrange(`user:${user}:trash`, 0, -1)).map(parseMemo);
      const ids = list.map(({ id }) => id);
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
      const tokens = list.map((memo) => memo.text.split('.')[0]!);
      expect(tokens.length, 'doubled').toBe(new Set(tokens).size);
      const kept = new Set([...tokens, ...trash.map((memo) => memo.text.split('.')[0]!)]);
      expect(
        [...written].filter((token) => !kept.has(token)),
        'lost',
      ).toEqual([]);
      const index = new Set((await redis.smembers(`user:${user}:pins`)).map(Number));
      for (const { id, pin } of list) if (pin) expect(index).toContain(id);
    }),
    { numRuns: inject('thorough') ? 150 : 50 },
  );
}, 60_000);

/** The memo that two processes change at the same time. */
interface Target {
  user: string;
  id: number;
  /** as both processes have read it before */
  version: number;
}

/** An operation of one process, whose text identifies the process. @returns the outcome */
type Operation = (store: MemoStore, target: Target, text: string) => Promise<unknown>;

const OPERATIONS: Record<string, Operation> = {
  edit: (store, { user, id }, text) => store.edit(user, id, { text }),
  'edit as read': (store, { user, id, version }, text) => store.edit(user, id, { text }, version),
  'edit and pin': (store, { user, id }, text) => store.edit(user, id, { text, pin: true }),
  pin: (store, { user, id }) => store.edit(user, id, { pin: true }),
  unpin: (store, { user, id }) => store.edit(user, id, { pin: false }),
  'read pins': (store, { user }) => store.pinned(user),
  delete: (store, { user, id }) => store.remove(user, id),
  'delete as read': (store, { user, id, version }) => store.remove(user, id, version),
  restore: (store, { user, id }) => store.restore(user, id),
  append: (store, { user }) => store.append(user, 'new', 'key'),
};

/** The concurrent operations of the other process: any one, or two that undo each other. */
const OTHERS: string[][] = [
  ...Object.keys(OPERATIONS).map((name) => [name]),
  ['delete', 'restore'],
  ['restore', 'delete'],
  ['pin', 'unpin'],
  ['unpin', 'pin'],
];

const STARTS = ['listed', 'pinned', 'deleted', 'pinned and deleted'];

test('concurrent operations have an outcome that they could have one after the other', async () => {
  // Without persistence, as there are tens of thousands of commands.
  const own = await startOwnRedis({ appendonly: 'no' });
  const redis = connectTo(own.url);
  const other = createMemoStore(connectTo(own.url));

  async function setUp(start: string): Promise<Target> {
    const user = newId();
    const id = 1_700_000_000_000_000;
    const neighbours = [id - 1, id + 1].map((it) => `{"id":${it},"text":"other"}`);
    const memo = `{"id":${id},"text":"memo"${start.includes('pinned') ? ',"pin":true' : ''}}`;
    const isDeleted = start.includes('deleted');
    const list = isDeleted ? neighbours : neighbours.toSpliced(1, 0, memo);
    const pipeline = redis.pipeline().rpush(`user:${user}:memos`, ...list);
    if (start === 'pinned') pipeline.sadd(`user:${user}:pins`, id);
    const entry = `${memo.slice(0, -1)},"deleted":${Date.now() * 1000}}`;
    if (isDeleted) pipeline.rpush(`user:${user}:trash`, entry);
    await pipeline.exec();
    return { user, id, version: id };
  }

  /** The visible state: the list, and how the memo would be restored. */
  async function look({ user, id }: Target): Promise<string> {
    const [list, trash] = await Promise.all(
      ['memos', 'trash'].map(async (kind) =>
        (await redis.lrange(`user:${user}:${kind}`, 0, -1)).map((stored) => parseMemo(stored)),
      ),
    );
    const index = await redis.smembers(`user:${user}:pins`);
    const show = ({ text, pin }: Memo) => `${text}${pin ? ' (pinned)' : ''}`;
    const seen = list!.map((memo) => {
      const isIndexed = !memo.pin || index.includes(String(memo.id));
      return `${show(memo)}${isIndexed ? '' : ' BUT NOT IN THE INDEX'}`;
    });
    const ids = list!.map((memo) => memo.id);
    if (ids.some((it, i) => i > 0 && it <= ids[i - 1]!)) seen.push('OUT OF ORDER');
    const deleted = trash!.findLast((memo) => memo.id === id);
    if (!ids.includes(id)) seen.push(deleted ? `deleted: ${show(deleted)}` : 'LOST');
    return seen.join(', ');
  }

  async function run(store: MemoStore, target: Target, who: string, names: string[]) {
    const outcomes: string[] = [];
    for (const name of names) {
      const outcome = await OPERATIONS[name]!(store, target, `${who} text`);
      outcomes.push(`${who} ${name}: ${(outcome as Partial<Outcome>).status ?? 'done'}`);
    }
    return outcomes;
  }

  let held = 0;
  const wrong: string[] = [];
  async function compare(
    client: Redis,
    store: MemoStore,
    start: string,
    name: string,
    others: string[],
  ) {
    // The outcomes of all sequential orders.
    const allowed = new Set<string>();
    for (let at = 0; at <= others.length; at++) {
      const target = await setUp(start);
      const before = await run(other, target, 'their', others.slice(0, at));
      const mine = await run(other, target, 'my', [name]);
      const after = await run(other, target, 'their', others.slice(at));
      allowed.add([...mine, ...before, ...after, await look(target)].join('; '));
    }
    for (let step = 0; ; step++) {
      const target = await setUp(start);
      let theirs: string[] = [];
      const hasRun = runBefore(client, step, async () => {
        theirs = await run(other, target, 'their', others);
      });
      const mine = await run(store, target, 'my', [name]);
      if (!hasRun()) return;
      held++;
      const end = [...mine, ...theirs, await look(target)].join('; ');
      if (!allowed.has(end)) wrong.push(`${start}, my step ${step} waits: ${end}`);
    }
  }

  const cases = STARTS.flatMap((start) =>
    Object.keys(OPERATIONS).flatMap((name) =>
      OTHERS.map((others) => [start, name, others] as const),
    ),
  );
  const work = async (client: Redis) => {
    const store = createMemoStore(client);
    for (let next = cases.pop(); next; next = cases.pop()) await compare(client, store, ...next);
  };
  await Promise.all(Array.from({ length: 8 }, () => work(connectTo(own.url))));
  expect(wrong).toEqual([]);
  expect(held).toBeGreaterThan(1000);
}, 60_000);
