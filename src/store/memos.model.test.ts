/**
 * The store against a model: arbitrary operations of several clients, one after the other, after
 * each of which Redis has to hold exactly what a plain array says; and then all at once, after
 * which nothing may be lost, doubled or out of order.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMemo, versionOf } from '../memo/stored-memo.ts';
import { connect, newId } from '../testing/app.ts';
import { createMemoStore, type MemoStore, type Outcome } from './memos.ts';

const CLIENTS = 3;
const redis = connect();
const stores = Array.from({ length: CLIENTS }, () => createMemoStore(connect()));

interface Expected {
  /** undefined until it is numbered; the model takes over what the store chooses */
  id?: number;
  text: string;
  pin: boolean;
  version?: number;
  /** a member that only memo.py knows: its source without spaces and the first quote */
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

/** Compares everything with Redis, and takes over ids and versions that are new. */
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
    expect(numbered, 'unnumbered ones only at the tail').toBe(true);
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

/** One of the memos that have an id, in the list or the trash; undefined when there is none. */
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

test('whatever is done, one after the other: Redis holds what the model holds', async () => {
  await fc.assert(
    fc.asyncProperty(commands, (commands) =>
      fc.asyncModelRun(
        () => ({ model: { list: [], trash: [], keys: new Map() }, real: { user: newId() } }),
        commands,
      ),
    ),
    { numRuns: 150 },
  );
}, 60_000);

test('whatever is done at once: nothing is lost, doubled or out of order', async () => {
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
            case 'resend': // a client that did not hear the answer, on all connections at once
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
    { numRuns: 150 },
  );
}, 60_000);
