import fc from 'fast-check';
import { describe, expect, inject, test } from 'vitest';
import { PINS, TRASH_BYTES, TRASH_ENTRIES } from '../memo/bounds.ts';
import { findIds } from '../memo/foreign.ts';
import {
  joinMembers,
  parseMemo,
  type StoredMemo,
  setMembers,
  versionOf,
} from '../memo/stored-memo.ts';
import { connect, newId } from '../testing/app.ts';
import { runBefore } from '../testing/run-before.ts';
import { connectTo, startOwnRedis } from '../testing/stage.ts';
import { createMemoStore, type MemoStore } from './memos.ts';

const redis = connect();
const store = createMemoStore(redis);

const decode = (memo: Uint8Array) => new TextDecoder().decode(memo);
const lengthOf = (memos: Uint8Array[]) => joinMembers(memos).byteLength;
const idOf = (memo: StoredMemo) => parseMemo(memo).id;
const listOf = (user: string) => redis.lrange(`user:${user}:memos`, 0, -1);
const trashOf = (user: string) => redis.lrange(`user:${user}:trash`, 0, -1);
/** Pushes elements that memo did not write. */
async function push(user: string, elements: string[], kind = 'memos') {
  for (let i = 0; i < elements.length; i += 2000) {
    await redis.rpush(`user:${user}:${kind}`, ...elements.slice(i, i + 2000));
  }
}
const textsOf = async (user: string) => (await listOf(user)).map((memo) => parseMemo(memo).text);

/** Adds a memo and returns its id. */
async function add(user: string, text: string): Promise<number> {
  const added = await store.append(user, text);
  if (added.status !== 'created') throw new Error(added.status);
  return idOf(added.memo);
}

/** A store that runs `action` before it sends the command or operation `step`. */
function storeWith(step: string, action: () => Promise<unknown>): MemoStore {
  const client = connect();
  runBefore(client, step, action);
  return createMemoStore(client);
}

/** What memo.py's `rdb.rpush(key, json.dumps(…))` stores. */
const pythonMemo = (text: string) =>
  JSON.stringify({ text })
    .replace('":', '": ')
    .replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

describe('writing', () => {
  test('the first member of a stored memo is its id, the creation time by Redis’s clock', async () => {
    const user = newId();
    const [seconds, micros] = await redis.time();
    const before = Number(seconds) * 1e6 + Number(micros);
    const id = await add(user, '장보기');
    expect(id).toBeGreaterThan(before);
    expect(id).toBeLessThan(before + 10e6);
    expect(await listOf(user)).toEqual([`{"id":${id},"text":"장보기"}`]);
  });

  test('ids ascend even when Redis’s clock was ahead', async () => {
    const user = newId();
    const future = 4_000_000_000_000_000;
    await redis.rpush(`user:${user}:memos`, `{"id":${future},"text":"미래"}`);
    expect(await add(user, '지금')).toBe(future + 1);
  });

  test('a repeated key adds no second memo, and another text with that key is refused', async () => {
    const user = newId();
    const first = await store.append(user, '한 번', 'k"1\\');
    expect(first.status).toBe('created');
    expect(await store.append(user, '한 번', 'k"1\\')).toEqual({ ...first, status: 'existing' });
    expect(await store.append(user, '다른 글', 'k"1\\')).toEqual({ status: 'key reused' });
    expect((await store.append(user, '한 번', 'k2')).status).toBe('created');
    expect(await textsOf(user)).toEqual(['한 번', '한 번']);
  });

  test('a key inside a memo’s text is not taken for the memo’s key', async () => {
    const user = newId();
    await add(user, 'x","key":"mine');
    await add(user, '"key":"mine"');
    expect((await store.append(user, '글', 'mine')).status).toBe('created');
  });

  test('a key is found among the last 200 memos only', async () => {
    const user = newId();
    const first = await store.append(user, '한 번', 'key');
    const later = Array.from({ length: 199 }, (_, i) => `{"id":${4e15 + i},"text":"${i}"}`);
    await push(user, later);
    expect(await store.append(user, '한 번', 'key')).toEqual({ ...first, status: 'existing' });
    await add(user, 'the 200th after it');
    expect((await store.append(user, '한 번', 'key')).status).toBe('created');
  });

  test('the same text with another key is a repetition within ten minutes, later a new memo', async () => {
    const user = newId();
    const [seconds] = await redis.time();
    for (const [minutes, status] of [
      [11, 'created'],
      [9, 'repeated'],
    ] as const) {
      await redis.unlink(`user:${user}:memos`);
      const id = (Number(seconds) - minutes * 60) * 1e6;
      await push(user, [`{"id":${id},"text":"물 마시기","key":"first"}`]);
      const again = await store.append(user, '물 마시기', 'second', { refuseRepeat: true });
      expect([minutes, again.status]).toEqual([minutes, status]);
    }
  });
});

describe('reading', () => {
  test('pages contain each memo once, from the newest to the oldest', async () => {
    const user = newId();
    const ids: number[] = [];
    for (let i = 0; i < 7; i++) ids.unshift(await add(user, `${i}`));
    const first = await store.page(user, 3);
    const second = await store.page(user, 3, first.next);
    const third = await store.page(user, 3, second.next);
    expect([first, second, third].map(({ memos }) => memos.map(idOf))).toEqual([
      ids.slice(0, 3),
      ids.slice(3, 6),
      ids.slice(6),
    ]);
    expect(third.next).toBeUndefined();
  });

  test('a page that ends early because its memos are long has a next page with the last memo', async () => {
    const user = newId();
    const long = 'x'.repeat(200_000);
    await push(
      user,
      [1, 2, 3, 4].map((id) => `{"id":${id},"text":"${long}"}`),
    );
    const first = await store.page(user, 10);
    expect([first.memos.map(idOf), first.next]).toEqual([[4, 3, 2], 2]);
    const second = await store.page(user, 10, first.next);
    expect([second.memos.map(idOf), second.next]).toEqual([[1], undefined]);
  });

  test('a cursor is valid after its memo was deleted', async () => {
    const user = newId();
    const [a, b] = [await add(user, 'a'), await add(user, 'b'), await add(user, 'c')];
    await store.remove(user, b);
    expect((await store.page(user, 10, b)).memos.map(idOf)).toEqual([a]);
  });

  test('all memos are read in chunks, without memos that are added meanwhile', async () => {
    const user = newId();
    await redis.rpush(
      `user:${user}:memos`,
      ...Array.from({ length: 1200 }, (_, i) => pythonMemo(`${i}`)),
    );
    const texts: string[] = [];
    for await (const chunk of store.all(user)) {
      const memos = JSON.parse(`[${decode(chunk)}]`);
      expect(memos.length).toBeLessThanOrEqual(500);
      texts.push(...memos.map(({ text }: { text: string }) => text));
      await add(user, 'meanwhile');
    }
    expect(texts).toEqual(Array.from({ length: 1200 }, (_, i) => `${1199 - i}`));
  });

  test('no chunk of all memos is empty, even if the last memo is deleted meanwhile', async () => {
    const user = newId();
    await redis.rpush(`user:${user}:memos`, ...Array.from({ length: 501 }, () => pythonMemo('a')));
    const all = store.all(user);
    expect((await all.next()).value!.byteLength).toBeGreaterThan(0);
    await redis.lpop(`user:${user}:memos`);
    expect(await all.next()).toEqual({ done: true, value: undefined });
  });

  test('a person who has written nothing has no memos', async () => {
    const user = newId();
    expect(await store.page(user, 10)).toEqual({ memos: [] });
    expect(await store.find(user, 1)).toBeUndefined();
    expect(await store.pinned(user)).toEqual([]);
  });
});

describe('memo.py’s elements', () => {
  test('an undated list gets the ids 1, 2, 3…, and all other bytes stay', async () => {
    const user = newId();
    const old = [pythonMemo('하나'), '{"text": "둘", "n": [], "big": 12345678901234567890}', '{}'];
    await redis.rpush(`user:${user}:memos`, ...old);
    await store.page(user, 10);
    expect(await listOf(user)).toEqual([
      '{"id":1,"text": "\\ud558\\ub098"}',
      '{"id":2,"text": "둘", "n": [], "big": 12345678901234567890}',
      '{"id":3}',
    ]);
  });

  test('elements after a memo of ours get the present time as ids, in their order', async () => {
    const user = newId();
    const first = await add(user, 'ours');
    await redis.rpush(`user:${user}:memos`, pythonMemo('a'), pythonMemo('b'));
    const second = await add(user, 'ours again');
    const ids = (await listOf(user)).map(idOf);
    expect(await textsOf(user)).toEqual(['ours', 'a', 'b', 'ours again']);
    expect(ids).toEqual([...ids].sort((x, y) => x - y));
    expect(ids[1]).toBeGreaterThan(first);
    expect(ids[2]).toBeLessThan(second);
  });

  test('a member "id" of memo.py’s is renamed, so that readers find our id', async () => {
    const user = newId();
    await redis.rpush(`user:${user}:memos`, '{"id": 7, "text": "\\"id\\": 8, {\\"id\\": 9}"}');
    const { memos } = await store.page(user, 10);
    expect(JSON.parse(decode(memos[0]!))).toEqual({ id: 1, _id: 7, text: '"id": 8, {"id": 9}' });
  });

  test('a nested "id" stays, and white space around an element is harmless', async () => {
    const user = newId();
    const elements = [
      ' {"a": {"id": 1, "b": ["{", {"id": 2}]}, "s": "x\\\\", "id": 3, "t": "\\"id\\": 4"} \n',
      '{"text": "끝에 빈칸"}  ',
    ];
    await redis.rpush(`user:${user}:memos`, ...elements);
    await store.page(user, 10);
    await store.remove(user, 2);
    await store.restore(user, 2);
    expect((await listOf(user)).map((memo) => JSON.parse(memo))).toEqual([
      { id: 1, a: { id: 1, b: ['{', { id: 2 }] }, s: 'x\\', _id: 3, t: '"id": 4' },
      { id: 2, text: '끝에 빈칸' },
    ]);
  });

  test('an element that is no object, or has no text, is shown as it is stored', async () => {
    const user = newId();
    await redis.rpush(`user:${user}:memos`, 'plain', '{"memo": 1}', '{broken', '["a"]');
    const { memos } = await store.page(user, 10);
    expect(memos.map((memo) => parseMemo(memo).text)).toEqual([
      '["a"]',
      '{"id":3,broken',
      '{"id":2,"memo": 1}',
      'plain',
    ]);
  });

  test('many elements get ids while other clients are served in between', async () => {
    const user = newId();
    const count = inject('thorough') ? 100_000 : 30_000;
    const memos = Array.from({ length: count }, (_, i) => pythonMemo(`${i}`));
    await push(user, memos);
    let isDone = false;
    const adding = add(user, 'new').finally(() => {
      isDone = true;
    });
    const other = connect();
    let turns = 0;
    for (; !isDone; turns++) await other.ping();
    const id = await adding;
    expect(turns).toBeGreaterThan(count / 1000);
    expect(await redis.llen(`user:${user}:memos`)).toBe(count + 1);
    expect(parseMemo((await store.find(user, 15_000))!).text).toBe('14999');
    expect(parseMemo((await store.find(user, id))!).text).toBe('new');
    await redis.unlink(`user:${user}:memos`);
  });

  test.each([
    ['"\\u0069d"', 'escaped'],
    ['"i\\u0064"', 'escaped'],
    ['"\\u0069\\u0064"', 'escaped'],
    ['"id"', 'plain'],
  ])('a member "id" that is spelled %s is renamed', async (name) => {
    const user = newId();
    await redis.rpush(`user:${user}:memos`, `{"text": "a", ${name}: 9, "b": {${name}: 8}}`);
    expect((await store.edit(user, 1, { text: 'b' })).status).toBe('done');
    const memo = JSON.parse((await listOf(user))[0]!);
    expect(memo).toMatchObject({ id: 1, _id: 9, text: 'b', b: { id: 8 } });
  });

  // Arbitrary elements of memo.py's.
  const blank = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 });
  const foreignName = fc.constantFrom(
    '"id"',
    '"\\u0069d"',
    '"_id"',
    '"text"',
    '"\\u0074ext"',
    '"a"',
  );
  const foreignValue = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
    fc.constantFrom(
      '"id"',
      '{"id": 1}',
      '[{"id" : 1}]',
      '"\\u0069d"',
      '1.0',
      '12345678901234567890',
    ),
  );
  const foreignObject = fc
    .tuple(
      blank,
      fc.array(fc.tuple(blank, foreignName, blank, foreignValue, blank), { maxLength: 4 }),
      blank,
    )
    .map(([before, members, after]) => {
      const inner = members.map(([a, name, b, value, c]) => `${a}${name}${b}:${value}${c}`);
      return `${before}{${inner}}${after}`;
    });
  const broken = fc
    .array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        '"',
        '\\',
        ' ',
        '"id":',
        '"id"',
        '\\u0069',
        ',',
        '한',
        '\u0000',
      ),
      {
        maxLength: 12,
      },
    )
    .map((pieces) => pieces.join(''));

  test('any JSON objects have the same members after they got ids, except the ids', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(foreignObject, { minLength: 1, maxLength: 8 }),
        async (elements) => {
          const user = newId();
          await redis.rpush(`user:${user}:memos`, ...elements);
          const read = (await store.page(user, 100)).memos.map(decode).reverse();
          expect(await listOf(user)).toEqual(read);
          const without = ({ id, _id, ...others }: Record<string, unknown>) => others;
          for (const [i, element] of elements.entries()) {
            const [before, after] = [element, read[i]!].map((json) => JSON.parse(json));
            expect(after.id).toBe(i + 1);
            expect(without(after)).toEqual(without(before));
            if (!('_id' in before)) expect(after._id).toEqual(before.id);
          }
        },
      ),
      { numRuns: inject('thorough') ? 200 : 50 },
    );
  });

  test('elements that are no JSON keep all their text, and other memos can be added', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(broken, { minLength: 1, maxLength: 8 }), async (elements) => {
        const user = newId();
        await redis.rpush(`user:${user}:memos`, ...elements);
        const id = await add(user, 'ours');
        const list = await listOf(user);
        expect(list.map(idOf)).toEqual([...elements.keys()].map((i) => i + 1).concat(id));
        for (const [i, element] of elements.entries()) {
          if (!/^\s*\{/.test(element)) {
            expect(parseMemo(list[i]!).text).toBe(element);
            continue;
          }
          const left = list[i]!.replace(/^\{"id":\d+,?/, '').replaceAll('_', '');
          expect(left).toBe(element.trim().slice(1).trimStart());
        }
      }),
      { numRuns: inject('thorough') ? 200 : 50 },
    );
  });

  test('an element that is not UTF-8 can be pinned, edited, deleted, restored and purged', async () => {
    const user = newId();
    const bytes = (text: string) => Buffer.from(text, 'latin1');
    const elements = ['{"text": "\xff"}', '{"a": "\xed\xa0\x80", "text": "b"}', '\xfe {', '"\xff"'];
    await redis.rpush(`user:${user}:memos`, ...elements.map(bytes));
    for (let id = 1; id <= elements.length; id++) {
      const memo = (await store.find(user, id))!;
      const [stored] = await redis.lrangeBuffer(`user:${user}:memos`, 0, 0);
      expect(await store.edit(user, id, { pin: true })).toMatchObject({ status: 'done' });
      expect(await store.remove(user, id)).toMatchObject({ status: 'done' });
      expect(await store.find(user, id)).toBeUndefined();
      expect(await store.restore(user, id)).toMatchObject({ status: 'done' });
      expect(parseMemo((await store.find(user, id))!)).toEqual({ ...parseMemo(memo), pin: true });
      expect(await store.edit(user, id, { pin: false })).toMatchObject({ status: 'done' });
      const [unpinned] = await redis.lrangeBuffer(`user:${user}:memos`, 0, 0);
      // Members are printed without the spaces around them.
      expect(unpinned!.toString('latin1').replace(/(?<=[:,]) /g, '')).toBe(
        stored!.toString('latin1').replace(/(?<=[:,]) /g, ''),
      );
      expect(await store.edit(user, id, { text: '새 글' })).toMatchObject({ status: 'done' });
      expect(parseMemo((await store.find(user, id))!).text).toBe('새 글');
      expect(await store.remove(user, id)).toMatchObject({ status: 'done' });
      expect(await store.purge(user, id)).toBe(true);
    }
    expect(await redis.exists(`user:${user}:memos`, `user:${user}:trash`)).toBe(0);
  });

  test('a purge takes all copies that simultaneous deletions have left', async () => {
    const user = newId();
    const added = await store.append(user, 'secret');
    if (added.status !== 'created') throw new Error(added.status);
    const { id } = parseMemo(added.memo);
    // Both write their copy before one of them removes the memo.
    await redis.memos(`user:${user}:trash`, 'discard', TRASH_ENTRIES, TRASH_BYTES, added.memo);
    expect(await store.remove(user, id)).toMatchObject({ status: 'done' });
    expect(await trashOf(user)).toHaveLength(2);
    expect(await store.purge(user, id)).toBe(true);
    expect(await trashOf(user)).toEqual([]);
    expect(await store.restore(user, id)).toEqual({ status: 'missing' });
  });

  test('an id that JavaScript cannot represent does not count as an id', async () => {
    const user = newId();
    const foreign = ['{"id":9007199254740992,"text":"a"}', '{"id":12345678901234567890}'];
    await redis.rpush(`user:${user}:memos`, ...foreign);
    await store.page(user, 10);
    expect(await listOf(user)).toEqual([
      '{"id":1,"_id":9007199254740992,"text":"a"}',
      '{"id":2,"_id":12345678901234567890}',
    ]);
  });

  test('bytes that are no UTF-8 stay as they are, and a member "id" among them is renamed', async () => {
    const user = newId();
    const latin1 = [' {"id": 7, "t": "\xe9\xff"} ', 'caf\xe9', '{"t": "\xe9\xff"}', '\0"\\\n'];
    await redis.rpush(`user:${user}:memos`, ...latin1.map((it) => Buffer.from(it, 'latin1')));
    await store.page(user, 1);
    const list = await redis.lrangeBuffer(`user:${user}:memos`, 0, -1);
    expect(list.map((it) => it.toString('latin1'))).toEqual([
      '{"id":1,"_id": 7, "t": "\xe9\xff"}',
      '{"id":2,"text":"caf\xe9"}',
      '{"id":3,"t": "\xe9\xff"}',
      '{"id":4,"text":"\\u0000\\"\\\\\\n"}',
    ]);
  });

  describe('more elements than one call assigns ids to', () => {
    const key = (user: string) => `user:${user}:memos`;
    /** Elements of memo.py's; every fifth has an "id", whose offset the script needs. */
    const old = (count: number, from = 0) =>
      Array.from({ length: count }, (_, i) =>
        i % 5 === 3 ? `{"id": 5, "text": "${from + i}"}` : pythonMemo(`${from + i}`),
      );
    /** One call, as by a process that is killed right after it. */
    const step = (user: string) => redis.memos(key(user), 'page', '', 1);
    const giveIds = async (user: string) => {
      const [, ...unknown] = (await redis.memosBuffer(key(user), 'assign_ids')) as [
        number,
        ...Buffer[],
      ];
      const given = unknown.flatMap((it) => [it, findIds(it).join()]);
      await redis.memosBuffer(key(user), 'assign_ids', ...given);
    };
    /** Expects ascending ids, elements without an id only at the tail, and valid JSON. */
    async function expectOrder(user: string): Promise<number[]> {
      const list = await listOf(user);
      const ids = list.map(idOf);
      const numbered = ids.filter((id) => !Number.isNaN(id));
      expect(ids.slice(numbered.length).every(Number.isNaN)).toBe(true);
      expect(numbered).toEqual([...new Set(numbered)].sort((a, b) => a - b));
      expect(list.map((memo) => JSON.parse(memo).text)).toEqual(list.map((_, i) => `${i}`));
      for (const [i, memo] of list.slice(0, numbered.length).entries()) {
        expect(JSON.parse(memo).id).toBe(ids[i]);
      }
      return ids;
    }

    test('are in order after each call, and an undated list continues to count', async () => {
      const user = newId();
      await push(user, old(1800));
      let steps = 0;
      for (; (await step(user)) === -1; steps++) {
        await giveIds(user);
        await expectOrder(user);
        // memo.py adds more meanwhile.
        if (steps === 1) await push(user, old(10, 1800));
      }
      expect(steps).toBeGreaterThan(3);
      expect(await expectOrder(user)).toEqual(Array.from({ length: 1810 }, (_, i) => i + 1));
      // No mark of counting is left, so later elements get the present time.
      expect((await listOf(user)).filter((memo) => /^\{"id":\d+ /.test(memo))).toEqual([]);
      await push(user, old(2, 1810));
      await store.page(user, 1);
      const [last, first] = (await expectOrder(user)).slice(-2).reverse();
      expect(first).toBeGreaterThan(1.7e15);
      expect(last).toBe(first! + 1);
    });

    test('get ascending times after a memo of ours', async () => {
      const user = newId();
      const future = 4_000_000_000_000_000;
      await redis.rpush(key(user), `{"id":${future},"text":"0"}`);
      await push(user, old(1200, 1));
      await step(user);
      await giveIds(user);
      await expectOrder(user);
      await store.page(user, 1);
      const ids = await expectOrder(user);
      expect(ids).toEqual(ids.map((_, i) => future + i));
    });

    test('get the same ids from several processes at once, after one was killed half-way', async () => {
      const user = newId();
      await push(user, old(3000));
      await step(user);
      const stores = Array.from({ length: 3 }, () => createMemoStore(connect()));
      const [, , , added] = await Promise.all([
        stores[0]!.page(user, 10),
        stores[1]!.find(user, 2000),
        redis.rpush(key(user), pythonMemo('3000'), pythonMemo('3001')),
        stores[2]!.append(user, '3002'),
      ]);
      expect(added.status).toBe('created');
      const ids = await expectOrder(user);
      expect(ids.slice(0, -1)).toEqual(Array.from({ length: 3002 }, (_, i) => i + 1));
      expect(ids.at(-1)).toBeGreaterThan(1.7e15);
    });
  });
});

describe('editing', () => {
  test('changes the text and "edited", and keeps the position, the id and unknown members', async () => {
    const user = newId();
    await redis.rpush(`user:${user}:memos`, '{"text": "a", "tags": [], "n": 1.0}', pythonMemo('b'));
    await store.page(user, 1);
    const outcome = await store.edit(user, 1, { text: 'A' }, 1);
    const [first, second] = await listOf(user);
    const { edited } = parseMemo(first!);
    expect(first).toBe(`{"id":1,"text":"A","tags":[],"n":1.0,"edited":${edited}}`);
    expect(edited).toBeGreaterThan(1.7e15);
    expect(outcome).toEqual({ status: 'done', memo: first });
    expect(second).toBe('{"id":2,"text": "b"}');
  });

  test('an edit of an old version changes nothing and returns the present memo', async () => {
    const user = newId();
    const id = await add(user, 'first');
    await store.edit(user, id, { text: 'theirs' }, id);
    const present = (await store.find(user, id))!;
    expect(await store.edit(user, id, { text: 'mine' }, id)).toEqual({
      status: 'changed',
      memo: present,
    });
    expect(await listOf(user)).toEqual([present]);
    const version = versionOf(parseMemo(present));
    expect((await store.edit(user, id, { text: 'merged' }, version)).status).toBe('done');
  });

  test('a repeated edit is done, and changes nothing', async () => {
    const user = newId();
    const id = await add(user, 'a');
    const once = await store.edit(user, id, { text: 'b' }, id);
    expect(await store.edit(user, id, { text: 'b' }, id)).toEqual(once);
  });

  test('a repeated edit with another pin is no repetition, and is refused', async () => {
    const user = newId();
    const id = await add(user, 'a');
    await store.edit(user, id, { text: 'b' }, id);
    const before = await listOf(user);
    expect((await store.edit(user, id, { text: 'b', pin: true }, id)).status).toBe('changed');
    expect(await listOf(user)).toEqual(before);
    expect(await store.pinned(user)).toEqual([]);
  });

  test('every edit makes a new version, even if Redis’s clock was ahead at the last one', async () => {
    const user = newId();
    const future = 4_000_000_000_000_000;
    await push(user, [`{"id":5,"text":"a","edited":${future}}`]);
    expect((await store.edit(user, 5, { text: 'b' }, future)).status).toBe('done');
    expect(await listOf(user)).toEqual([`{"id":5,"text":"b","edited":${future + 1}}`]);
    expect((await store.edit(user, 5, { text: 'c' }, future)).status).toBe('changed');
  });

  test('of several concurrent edits of one version, one is done and the others are refused', async () => {
    const user = newId();
    const id = await add(user, '0');
    const outcomes = await Promise.all(
      ['a', 'b', 'c', 'd'].map((text) => store.edit(user, id, { text }, id)),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual([
      'changed',
      'changed',
      'changed',
      'done',
    ]);
  });

  test('pinning does not change the version, so it conflicts with no edit', async () => {
    const user = newId();
    const id = await add(user, 'a');
    await store.edit(user, id, { pin: true });
    expect((await store.edit(user, id, { text: 'b' }, id)).status).toBe('done');
    expect(parseMemo((await store.find(user, id))!)).toMatchObject({ text: 'b', pin: true });
  });

  test('an edit of an unknown memo changes nothing', async () => {
    const user = newId();
    const id = await add(user, 'a');
    for (const unknown of [1, id - 1, id + 1, Number.MAX_SAFE_INTEGER]) {
      expect(await store.edit(user, unknown, { text: 'x', pin: true })).toEqual({
        status: 'missing',
      });
    }
    expect(await textsOf(user)).toEqual(['a']);
    expect(await redis.exists(`user:${user}:pins`)).toBe(0);
  });
});

describe('a person’s storage', () => {
  const LIMIT = 300 * 1024;
  const limited = () => createMemoStore(redis, { storagePerPerson: LIMIT });
  const NO_ROOM = { status: 'no room' };
  const text = (character: string, length = 5000) => character.repeat(length);
  const bytesOf = async (user: string) => {
    const keys = ['memos', 'trash'].map((kind) => `user:${user}:${kind}`);
    const sizes = await Promise.all(keys.map((key) => redis.memory('USAGE', key, 'SAMPLES', 0)));
    return sizes.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
  };
  const everythingOf = async (user: string) => [await listOf(user), await trashOf(user)];

  /** Adds memos of 5 KB until there is no room for another. */
  async function fill(store: MemoStore, user: string): Promise<number[]> {
    const ids: number[] = [];
    for (;;) {
      const added = await store.append(user, text('x'));
      if (added.status !== 'created') {
        expect(added).toEqual(NO_ROOM);
        return ids;
      }
      ids.push(idOf(added.memo));
    }
  }

  test('refuses memos beyond its limit, without an effect on other people', async () => {
    const [user, other] = [newId(), newId()];
    const store = limited();
    await fill(store, user);
    const before = await everythingOf(user);
    expect(await bytesOf(user)).toBeLessThanOrEqual(LIMIT);
    expect(await bytesOf(user)).toBeGreaterThan(LIMIT - 15_000);
    // Also in another process, which has added nothing.
    expect(await limited().append(user, text('y'))).toEqual(NO_ROOM);
    expect(await everythingOf(user)).toEqual(before);
    expect((await store.append(user, 'short')).status).toBe('created');
    expect((await store.append(other, text('y'))).status).toBe('created');
  });

  test('is unlimited if the limit is 0 or missing', async () => {
    const user = newId();
    for (const options of [{ storagePerPerson: 0 }, {}]) {
      const added = await createMemoStore(redis, options).append(user, text('x', LIMIT));
      expect(added.status).toBe('created');
    }
  });

  test('that is full still returns the existing memo of a repeated key', async () => {
    const user = newId();
    const store = limited();
    const first = await store.append(user, text('a'), 'key');
    await fill(store, user);
    expect(await store.append(user, text('a'), 'key')).toEqual({ ...first, status: 'existing' });
    expect(await store.append(user, text('b'), 'key')).toEqual({ status: 'key reused' });
    expect(await store.append(user, text('a'), 'new')).toEqual(NO_ROOM);
  });

  test('that is full refuses longer texts, and allows all other changes', async () => {
    const user = newId();
    const store = limited();
    const [id, second, third] = (await fill(store, user)) as [number, number, number];
    const before = await everythingOf(user);
    expect(await store.edit(user, id, { text: text('x', 12_000), pin: true })).toEqual(NO_ROOM);
    // As many characters, but more bytes.
    expect(await store.edit(user, id, { text: text('한') })).toEqual(NO_ROOM);
    expect(await everythingOf(user)).toEqual(before);
    expect(await store.pinned(user)).toEqual([]);
    for (const change of [
      { text: text('y') },
      { text: text('z', 4999) },
      { pin: true },
      { pin: false },
    ]) {
      expect((await store.edit(user, id, change)).status).toBe('done');
    }
    expect(await store.edit(user, id, { text: text('x', 20_000) }, id)).toMatchObject({
      status: 'changed',
    });
    expect((await store.remove(user, second)).status).toBe('done');
    expect((await store.restore(user, second)).status).toBe('done');
    for (const it of [second, third]) await store.remove(user, it);
    // The trash counts, too.
    expect(await store.append(user, text('x'))).toEqual(NO_ROOM);
    for (const it of [second, third]) expect(await store.purge(user, it)).toBe(true);
    expect((await store.append(user, text('x'))).status).toBe('created');
  });

  test('that memo.py has overfilled refuses another byte of text, but not the first "edited"', async () => {
    const user = newId();
    const store = limited();
    await redis.rpush(`user:${user}:memos`, pythonMemo('- [ ] a'), pythonMemo(text('x', LIMIT)));
    expect(await store.append(user, 'a')).toEqual(NO_ROOM);
    expect(await store.edit(user, 1, { text: '- [ ] ab' })).toEqual(NO_ROOM);
    expect((await store.edit(user, 1, { text: '- [x] a' })).status).toBe('done');
    expect(parseMemo((await listOf(user))[0]!).edited).toBeGreaterThan(1.7e15);
  });

  test('has room as soon as the trash is emptied', async () => {
    const user = newId();
    const store = limited();
    for (const id of await fill(store, user)) await store.remove(user, id);
    expect(await store.append(user, text('x'))).toEqual(NO_ROOM);
    await store.empty(user);
    expect((await fill(store, user)).length).toBeGreaterThan(40);
  });

  test('counts only the bytes that an edit adds', async () => {
    const user = newId();
    const store = limited();
    const id = await add(user, 'a');
    for (let length = 0; length < 30; length++) {
      expect((await store.edit(user, id, { text: text('x', length * 5000 + 1) })).status).toBe(
        'done',
      );
    }
    expect((await store.append(user, text('x', 100_000))).status).toBe('created');
    expect(await store.append(user, text('x', 100_000))).toEqual(NO_ROOM);
  });

  test('is measured once for many memos', async () => {
    const own = await startOwnRedis({ appendonly: 'no' });
    const client = connectTo(own.url);
    const measured = async () =>
      Number(/cmdstat_memory\|usage:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
    const store = createMemoStore(client, { storagePerPerson: LIMIT });
    const user = newId();
    for (let i = 0; i < 20; i++) await store.append(user, text('x'));
    // The list, and the trash.
    expect(await measured()).toBe(2);
  });
});

describe('pins', () => {
  test('pinned memos are listed newest first, until they are unpinned or deleted', async () => {
    const user = newId();
    const ids = [await add(user, 'a'), await add(user, 'b'), await add(user, 'c')];
    for (const id of ids) await store.edit(user, id, { pin: true });
    expect((await store.pinned(user)).map(idOf)).toEqual([...ids].reverse());
    await store.edit(user, ids[1]!, { pin: false });
    await store.remove(user, ids[2]!);
    expect((await store.pinned(user)).map(idOf)).toEqual([ids[0]]);
    expect(await redis.smembers(`user:${user}:pins`)).toEqual([String(ids[0])]);
  });

  test('a restored memo is pinned if it was pinned before', async () => {
    const user = newId();
    const id = await add(user, 'a');
    await store.edit(user, id, { pin: true });
    await store.remove(user, id);
    await store.restore(user, id);
    expect((await store.pinned(user)).map(idOf)).toEqual([id]);
  });

  test('a restored memo is pinned again if it is the hundredth', async () => {
    const user = newId();
    const ids = Array.from({ length: PINS }, (_, i) => i + 1);
    await push(
      user,
      ids.map((id) => `{"id":${id},"text":"${id}","pin":true}`),
    );
    await redis.sadd(`user:${user}:pins`, ...ids);
    const before = await listOf(user);
    await store.remove(user, 7);
    await store.restore(user, 7);
    expect(await listOf(user)).toEqual(before);
    expect((await store.pinned(user)).map(idOf)).toEqual(ids.toReversed());
  });

  test('a memo that is pinned on another device while it is unpinned stays in the index', async () => {
    const user = newId();
    const id = await add(user, 'a');
    await store.edit(user, id, { pin: true });
    const unpinning = storeWith('srem', () => store.edit(user, id, { pin: true }));
    await unpinning.edit(user, id, { pin: false });
    expect(parseMemo((await store.find(user, id))!).pin).toBe(true);
    expect((await store.pinned(user)).map(idOf)).toEqual([id]);
  });

  test('reading the pinned memos removes ids from the index that a crash has left', async () => {
    const user = newId();
    const id = await add(user, 'a');
    await redis.sadd(`user:${user}:pins`, id, 5);
    expect(await store.pinned(user)).toEqual([]);
    expect(await redis.exists(`user:${user}:pins`)).toBe(0);
  });

  test('no memo is pinned beyond the limit', async () => {
    const user = newId();
    for (let i = 0; i < PINS; i++) {
      await store.edit(user, await add(user, `${i}`), { pin: true });
    }
    const id = await add(user, 'one more');
    expect(await store.edit(user, id, { pin: true })).toEqual({ status: 'too many pins' });
    expect((await store.pinned(user)).length).toBe(PINS);
    expect(parseMemo((await store.find(user, id))!).pin).toBe(false);
  });

  test('a memo whose place in the index is removed and taken while it is pinned is not pinned', async () => {
    const user = newId();
    const ids = Array.from({ length: PINS + 1 }, (_, i) => i + 1);
    const late = ids.length;
    const memos = ids.map((id) => `{"id":${id},"text":"${id}"${id < late ? ',"pin":true' : ''}}`);
    await redis.rpush(`user:${user}:memos`, ...memos);
    // A reader removes it from the index, as it is not pinned yet, and another memo takes its place.
    await redis.sadd(`user:${user}:pins`, ...ids.slice(0, -2));
    let outcome: unknown;
    const pinning = createMemoStore(connect())
      .edit(user, late, { pin: true })
      .then((it) => {
        outcome = it;
      });
    const take = `return redis.call('SREM', KEYS[1], ARGV[1]) == 1
      and redis.call('SADD', KEYS[1], ARGV[2])`;
    let taken: unknown = null;
    while (!taken && !outcome) {
      taken = await redis.eval(take, 1, `user:${user}:pins`, late, late - 1);
    }
    await pinning;
    expect([taken, outcome]).toEqual([1, { status: 'too many pins' }]);
    expect((await listOf(user)).at(-1)).toBe(memos.at(-1));
    expect((await store.pinned(user)).map(idOf)).toEqual(ids.slice(0, -1).toReversed());
    expect(await redis.scard(`user:${user}:pins`)).toBe(PINS);
  });

  test('a restored memo is not pinned if that made too many pins', async () => {
    const user = newId();
    const [first, ...ids] = Array.from({ length: PINS + 1 }, (_, i) => i + 1) as [number];
    const memos = [first, ...ids].map((id) => `{"id":${id},"text":"${id}"}`);
    await redis.rpush(`user:${user}:memos`, ...memos);
    await store.edit(user, first, { pin: true });
    await store.remove(user, first);
    for (const id of ids) await store.edit(user, id, { pin: true });
    const outcome = await store.restore(user, first);
    expect(outcome).toEqual({ status: 'done', memo: memos[0] });
    expect((await listOf(user))[0]).toBe(memos[0]);
    expect(await trashOf(user)).toEqual([]);
    expect((await store.pinned(user)).map(idOf)).toEqual(ids.toReversed());
    expect(await redis.scard(`user:${user}:pins`)).toBe(PINS);
  });
});

describe('the trash', () => {
  test('a deleted memo moves to the trash, and is restored to its old position', async () => {
    const user = newId();
    const ids = [await add(user, 'a'), await add(user, 'b'), await add(user, 'c')];
    const before = await listOf(user);
    expect((await store.remove(user, ids[1]!)).status).toBe('done');
    expect(await textsOf(user)).toEqual(['a', 'c']);
    const [entry] = await trashOf(user);
    expect(entry).toMatch(/^\{"id":\d+,"text":"b","deleted":\d{16}\}$/);
    expect(await redis.ttl(`user:${user}:trash`)).toBeGreaterThan(29 * 24 * 3600);
    expect(await store.restore(user, ids[1]!)).toEqual({ status: 'done', memo: before[1] });
    expect(await listOf(user)).toEqual(before);
    expect(await trashOf(user)).toEqual([]);
  });

  test('restoring a memo moves no other, at any position, among short and long memos', async () => {
    const user = newId();
    const memos = Array.from({ length: 1000 }, (_, i) => {
      // Rewritten are only the memos after the last long one, and only if they are at most 200.
      const text = i % 100 === 50 ? '긴 글'.repeat(4_000) : `글 ${i}`;
      return `{"id":${1e15 + i},"text":"${text}"}`;
    });
    await redis.rpush(`user:${user}:memos`, ...memos);
    for (const i of [0, 1, 300, 499, 500, 501, 799, 800, 801, 949, 950, 951, 960, 998, 999]) {
      const id = 1e15 + i;
      expect((await store.remove(user, id)).status).toBe('done');
      expect(await listOf(user)).toEqual(memos.toSpliced(i, 1));
      expect((await store.restore(user, id)).status).toBe('done');
      expect(await listOf(user)).toEqual(memos);
    }
    expect(await trashOf(user)).toEqual([]);
  });

  test('a repeated deletion or restoration is done, and unknown memos are missing', async () => {
    const user = newId();
    const id = await add(user, 'a');
    expect((await store.remove(user, id)).status).toBe('done');
    expect((await store.remove(user, id)).status).toBe('done');
    expect((await store.restore(user, id)).status).toBe('done');
    expect((await store.restore(user, id)).status).toBe('done');
    expect(await store.remove(user, 5)).toEqual({ status: 'missing' });
    expect(await store.restore(user, 5)).toEqual({ status: 'missing' });
    expect(await textsOf(user)).toEqual(['a']);
    expect(await trashOf(user)).toEqual([]);
  });

  test('a memo that has changed since the given version is not deleted', async () => {
    const user = newId();
    const id = await add(user, 'a');
    await store.edit(user, id, { text: 'b' });
    expect((await store.remove(user, id, id)).status).toBe('changed');
    expect(await textsOf(user)).toEqual(['b']);
    expect(await trashOf(user)).toEqual([]);
  });

  test('a memo stays in the list if its copy could not be written to the trash', async () => {
    const user = newId();
    const id = await add(user, 'a');
    const before = await listOf(user);
    const lost = storeWith('discard', () => Promise.reject(new Error('the connection is lost')));
    await expect(lost.remove(user, id)).rejects.toThrow('the connection is lost');
    expect(await listOf(user)).toEqual(before);
  });

  test('a memo that is edited between the two steps of its deletion is deleted with the new text', async () => {
    const user = newId();
    const id = await add(user, 'a');
    const deleting = storeWith('remove', () => store.edit(user, id, { text: 'b' }));
    const outcome = await deleting.remove(user, id);
    expect(outcome.status).toBe('done');
    expect(await listOf(user)).toEqual([]);
    await store.restore(user, id);
    expect(await textsOf(user)).toEqual(['b']);
  });

  test('restoring an older copy of a memo that is in the list changes nothing', async () => {
    const user = newId();
    const id = await add(user, 'a');
    const [memo] = await listOf(user);
    // A deletion that was interrupted before its second step.
    await redis.memos(`user:${user}:trash`, 'discard', TRASH_ENTRIES, TRASH_BYTES, memo!);
    await store.edit(user, id, { text: 'b' });
    const before = await listOf(user);
    expect(await store.restore(user, id)).toEqual({ status: 'done', memo: before[0] });
    expect(await listOf(user)).toEqual(before);
  });

  test('an interrupted deletion that is repeated later leaves one copy in the trash', async () => {
    const user = newId();
    const id = await add(user, 'a');
    const [memo] = await listOf(user);
    const [seconds] = await redis.time();
    const deleted = (Number(seconds) - 90) * 1e6;
    await push(user, [`${memo!.slice(0, -1)},"deleted":${deleted}}`], 'trash');
    expect((await store.remove(user, id)).status).toBe('done');
    expect(await textsOf(user)).toEqual([]);
    expect((await trashOf(user)).length).toBe(1);
  });

  test('a memo that is deleted and restored between the steps of another deletion is not lost', async () => {
    const user = newId();
    const id = await add(user, 'a');
    const deleting = storeWith('remove', async () => {
      await store.remove(user, id);
      await store.restore(user, id);
    });
    expect((await deleting.remove(user, id)).status).toBe('done');
    expect(await textsOf(user)).toEqual([]);
    expect((await store.restore(user, id)).status).toBe('done');
    expect(await textsOf(user)).toEqual(['a']);
  });

  test('restoring between the steps of a deletion does not remove the only copy', async () => {
    const user = newId();
    const id = await add(user, 'a');
    const [memo] = await listOf(user);
    await redis.memos(`user:${user}:trash`, 'discard', 1000, 1e6, memo!);
    await store.restore(user, id);
    await redis.memos(`user:${user}:memos`, 'remove', memo!); // the deletion's second step
    expect((await trashOf(user)).length).toBe(1);
    await store.restore(user, id);
    expect(await textsOf(user)).toEqual(['a']);
  });

  test('a restored memo gets a free id if its own was given again in an emptied list', async () => {
    const user = newId();
    await redis.rpush(`user:${user}:memos`, pythonMemo('old'));
    await store.page(user, 1);
    await store.remove(user, 1);
    await redis.rpush(`user:${user}:memos`, pythonMemo('new 1'), pythonMemo('new 2'));
    await store.page(user, 1);
    await store.restore(user, 1);
    expect(await textsOf(user)).toEqual(['new 1', 'new 2', 'old']);
    expect((await listOf(user)).map(idOf)).toEqual([1, 2, 3]);
    expect(await trashOf(user)).toEqual([]);
  });

  test('a restored memo whose id is taken gets the next free one, once even if it is repeated', async () => {
    const user = newId();
    await redis.rpush(`user:${user}:memos`, pythonMemo('old'));
    await store.page(user, 1);
    await store.remove(user, 1);
    const numbers = Array.from({ length: 2000 }, (_, i) => i + 1);
    await push(
      user,
      numbers.filter((n) => n !== 700).map((n) => `{"id":${n},"text":"${n}"}`),
    );
    const [trashed] = await trashOf(user);
    const restored = { status: 'done', memo: '{"id":700,"text": "old"}' };
    expect(await store.restore(user, 1)).toEqual(restored);
    expect((await listOf(user)).map(idOf)).toEqual(numbers);
    // The request is repeated, because its reply was lost.
    await redis.rpush(`user:${user}:trash`, trashed!);
    expect(await store.restore(user, 1)).toEqual(restored);
    expect((await listOf(user)).map(idOf)).toEqual(numbers);
  });

  test('a memo is dropped from the trash after 30 days, or at once if it is purged', async () => {
    const user = newId();
    const [seconds] = await redis.time();
    const old = (Number(seconds) - 31 * 24 * 3600) * 1e6;
    await redis.rpush(`user:${user}:trash`, `{"id":1,"text":"x","deleted":${old}}`);
    expect(await store.restore(user, 1)).toEqual({ status: 'missing' });
    const id = await add(user, 'a');
    await store.remove(user, id);
    expect((await trashOf(user)).map(idOf)).toEqual([id]);
    expect(await store.purge(user, id)).toBe(true);
    expect(await store.purge(user, id)).toBe(false);
    expect(await trashOf(user)).toEqual([]);
    expect((await store.restore(user, id)).status).toBe('missing');
  });
});

describe('any text', () => {
  const evil = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.constantFrom(
      '</script><!-- ]]> \u2028\u2029',
      '"\\"\\\\\u0000'.replace('\0', '\\u0000'),
      '👩‍👩‍👧‍👦 é ﷽ ㅎㅏㄴ',
      '\ufeff\u200b\u202eabc',
    ),
  );

  test('is unchanged by writing, editing, deleting and restoring', async () => {
    const user = newId();
    await fc.assert(
      fc.asyncProperty(evil, evil, async (text, other) => {
        const id = await add(user, text);
        expect(parseMemo((await store.find(user, id))!).text).toBe(text);
        await store.edit(user, id, { text: other });
        await store.remove(user, id);
        await store.restore(user, id);
        expect(parseMemo((await store.find(user, id))!).text).toBe(other);
      }),
      { numRuns: inject('thorough') ? 100 : 30 },
    );
  });

  test('and unknown members are unchanged by an edit, to the byte', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
        fc.nat(3),
        evil,
        (members, indent, text) => {
          delete members.text;
          const source = JSON.stringify({ ...members, text: 'old' }, null, indent);
          const set = setMembers(source, new Map([['text', JSON.stringify(text)]]));
          expect(JSON.parse(set)).toEqual({ ...JSON.parse(JSON.stringify(members)), text });
        },
      ),
    );
    expect(setMembers('{"a":1.0,"b" : [ ],"a":12345678901234567890}', new Map([['c', '1']]))).toBe(
      '{"a":1.0,"b":[ ],"a":12345678901234567890,"c":1}',
    );
    expect(
      setMembers(
        '{"constructor":1,"x":2}',
        new Map<string, string | undefined>([['x', undefined]]),
      ),
    ).toBe('{"constructor":1}');
  });
});

describe('searching', () => {
  const everything = () => true;
  const has = (word: string) => (text: string) => text.includes(word);
  const fill = async (user: string, texts: string[]) => {
    await redis.rpush(`user:${user}:memos`, ...texts.map(pythonMemo));
  };

  test('finds each match once, from the newest to the oldest, page by page', async () => {
    const user = newId();
    const texts = Array.from(
      { length: 1700 },
      (_, i) => `${i % 7 < 2 || i > 1500 ? '우유' : '달걀'} ${i}`,
    );
    await fill(user, texts);
    for (const limit of [1, 40, 100, 200]) {
      const found: string[] = [];
      let before: number | undefined;
      do {
        const page = await store.search(user, has('우유'), limit, before);
        found.push(...page.memos.map((memo) => parseMemo(memo).text));
        expect(page.memos).toHaveLength(page.next === undefined ? page.memos.length : limit);
        before = page.next;
      } while (before !== undefined);
      expect(found).toEqual(texts.filter(has('우유')).reverse());
      if (limit === 1) expect(found).toHaveLength(629);
    }
  });

  test('has no next page if the last match is on this one', async () => {
    const user = newId();
    await fill(user, ['달걀', '우유', '우유', '달걀', '우유']);
    expect((await store.search(user, has('우유'), 3)).next).toBeUndefined();
    const { memos, next } = await store.search(user, has('우유'), 2);
    expect([memos.map(idOf), next]).toEqual([[5, 3], 3]);
    expect(await store.search(user, has('치즈'), 2)).toEqual({ memos: [] });
    expect(await store.search(newId(), everything, 2)).toEqual({ memos: [] });
  });

  test('continues at a cursor whose memo was deleted', async () => {
    const user = newId();
    await fill(user, ['우유', '우유', '우유']);
    const { next } = await store.search(user, has('우유'), 1);
    await store.remove(user, next!);
    expect((await store.search(user, has('우유'), 5, next)).memos.map(idOf)).toEqual([2, 1]);
  });

  test('searches the text in any notation, and no other member', async () => {
    const user = newId();
    await fill(user, ['우유']);
    await store.append(user, '달걀', '우유');
    await redis.rpush(`user:${user}:memos`, '{"text": "치즈", "tags": ["우유"]}');
    const seen: string[] = [];
    const matches = (text: string) => {
      seen.push(text);
      return has('우유')(text);
    };
    expect((await store.search(user, matches, 5)).memos.map(idOf)).toEqual([1]);
    expect(seen).toEqual(['치즈', '달걀', '우유']);
  });

  test('ends early with the matches so far when it is aborted', async () => {
    const user = newId();
    await fill(
      user,
      Array.from({ length: 2000 }, (_, i) => `${i}`),
    );
    const controller = new AbortController();
    let seen = 0;
    const matches = (text: string) => {
      seen++;
      if (text === '1950') controller.abort();
      return text === '1999' || text === '0';
    };
    const { memos, next } = await store.search(user, matches, 5, undefined, controller.signal);
    expect([memos.map((memo) => parseMemo(memo).text), next]).toEqual([['1999'], undefined]);
    expect(seen).toBeLessThan(2000);
    expect((await store.search(user, matches, 5)).memos).toHaveLength(2);
  });

  test('yields to other work, also between the memos of one chunk', async () => {
    const user = newId();
    await fill(
      user,
      Array.from({ length: 50 }, () => '글'),
    );
    let turns = 0;
    const others = setInterval(() => turns++, 1);
    const slow = () => {
      const end = performance.now() + 4;
      while (performance.now() < end);
      return false;
    };
    await store.search(user, slow, 5);
    clearInterval(others);
    expect(turns).toBeGreaterThan(5);
  });

  test('reads long memos a few at a time, and returns short pages of them, each memo once', async () => {
    const user = newId();
    const texts = Array.from({ length: 150 }, (_, i) => `${i} ${'x'.repeat(20_000)}`);
    await fill(user, texts);
    const watched = createMemoStore(connect());
    const lengths: number[] = [];
    const { page } = watched;
    watched.page = async (...args) => {
      const read = await page.apply(watched, args);
      lengths.push(lengthOf(read.memos));
      return read;
    };
    const found: string[] = [];
    let before: number | undefined;
    do {
      const { memos, next } = await watched.search(user, everything, 200, before);
      lengths.push(lengthOf(memos));
      // A match keeps no other bytes of the reply in memory.
      for (const memo of memos) expect(memo.buffer.byteLength).toBe(memo.byteLength);
      found.push(...memos.map((memo) => parseMemo(memo).text));
      before = next;
    } while (before !== undefined);
    expect(found).toEqual([...texts].reverse());
    // Half a megabyte, and the memo that reaches it.
    expect(Math.max(...lengths)).toBeLessThan(512 * 1024 + 21_000);
  });
});

describe('the list of the trash', () => {
  const DAY = 24 * 60 * 60 * 1e6; // µs
  const entry = (id: number, deleted: number) => `{"id":${id},"text":"${id}","deleted":${deleted}}`;
  const time = async () => Number((await redis.time())[0]) * 1e6;

  test('has the stored entries, last deleted first', async () => {
    const user = newId();
    const ids = [await add(user, 'a'), await add(user, 'b'), await add(user, 'c')];
    for (const index of [1, 2, 0]) await store.remove(user, ids[index]!);
    const { memos: shown } = await store.trash(user, 10);
    expect(shown.map(decode)).toEqual((await trashOf(user)).reverse());
    expect(shown.map((memo) => parseMemo(memo))).toMatchObject([
      { id: ids[0], text: 'a' },
      { id: ids[2], text: 'c' },
      { id: ids[1], text: 'b' },
    ]);
    const deleted = shown.map((memo) => parseMemo(memo).deleted!);
    expect(deleted).toEqual([...deleted].sort((x, y) => y - x));
    expect(await store.trash(newId(), 10)).toEqual({ memos: [] });
  });

  test('has each entry on one page, last deleted first, even if entries are dropped meanwhile', async () => {
    const user = newId();
    const start = (await time()) - DAY;
    await push(
      user,
      Array.from({ length: 25 }, (_, i) => entry(i + 1, start + i)),
      'trash',
    );
    await redis.lset(`user:${user}:trash`, 0, entry(1, start - 30 * DAY));
    const seen: number[] = [];
    let before: number | undefined;
    do {
      const { memos, next } = await store.trash(user, 10, before);
      expect(await store.countTrash(user)).toBe(24 - seen.length / 10);
      seen.push(...memos.map(idOf));
      if (next) expect(next).toBe(parseMemo(memos.at(-1)!).deleted);
      // The entry of the cursor is gone when the next page is read.
      await store.purge(user, idOf(memos.at(-1)!));
      before = next;
    } while (before !== undefined);
    expect(seen).toEqual(Array.from({ length: 24 }, (_, i) => 25 - i));
  });

  test('has short pages if the memos are long', async () => {
    const user = newId();
    const start = (await time()) - DAY;
    const long = 'x'.repeat(100_000);
    const entries = Array.from({ length: 20 }, (_, i) =>
      entry(i + 1, start + i).replace('"text":"', `"text":"${long}`),
    );
    await push(user, entries, 'trash');
    const first = await store.trash(user, 50);
    expect(lengthOf(first.memos)).toBeLessThan(620_000);
    const second = await store.trash(user, 50, first.next);
    expect([...first.memos, ...second.memos].map(idOf)).toEqual(
      Array.from({ length: first.memos.length + second.memos.length }, (_, i) => 20 - i),
    );
  });

  test('has no entry that is over 30 days old; it can be neither restored nor purged', async () => {
    const user = newId();
    const now = await time();
    await redis.rpush(
      `user:${user}:trash`,
      '{"id":1,"text":"no date"}',
      entry(2, now - 30 * DAY - 60e6),
      entry(3, now - 30 * DAY + 3600e6),
      entry(4, now),
    );
    expect((await store.trash(user, 10)).memos.map(idOf)).toEqual([4, 3]);
    for (const id of [1, 2]) {
      expect(await store.purge(user, id)).toBe(false);
      expect(await store.restore(user, id)).toEqual({ status: 'missing' });
    }
    expect(await store.purge(user, 3)).toBe(true);
    expect((await store.trash(user, 10)).memos.map(idOf)).toEqual([4]);
  });

  test('has a memo once, as it was last, after it was deleted, restored, changed and deleted', async () => {
    const user = newId();
    const id = await add(user, 'a');
    await store.remove(user, id);
    await store.restore(user, id);
    await store.edit(user, id, { text: 'b', pin: true });
    await store.remove(user, id);
    const { memos: shown } = await store.trash(user, 10);
    expect(shown.map((memo) => parseMemo(memo))).toMatchObject([{ id, text: 'b', pin: true }]);
  });
});

describe('a full trash', () => {
  const DAY = 24 * 60 * 60 * 1e6; // µs
  const key = (user: string) => `user:${user}:trash`;
  const time = async () => Number((await redis.time())[0]) * 1e6;
  /** Entries with these texts, ids from 1 on, the last deleted a day ago. */
  async function fill(user: string, texts: string[], age = DAY) {
    const start = (await time()) - age;
    const entries = texts.map(
      (text, i) => `{"id":${i + 1},"text":"${text}","deleted":${start + i}}`,
    );
    for (const some of chunks(entries)) await redis.rpush(key(user), ...some);
  }
  const chunks = (entries: string[]) =>
    Array.from({ length: Math.ceil(entries.length / 500) }, (_, i) =>
      entries.slice(i * 500, i * 500 + 500),
    );
  const idsIn = async (user: string) => (await trashOf(user)).map(idOf);
  const bytesOf = async (user: string) => (await redis.memory('USAGE', key(user), 'SAMPLES', 0))!;
  const discard = async (user: string, text = 'a') => {
    const id = await add(user, text);
    expect((await store.remove(user, id)).status).toBe('done');
    return id;
  };

  test('drops the oldest entries beyond 1,000', async () => {
    const user = newId();
    await fill(
      user,
      Array.from({ length: TRASH_ENTRIES - 1 }, (_, i) => `${i}`),
    );
    const ids = await idsIn(user);
    ids.push(await discard(user));
    expect(await idsIn(user)).toEqual(ids);
    ids.push(await discard(user), await discard(user));
    expect(await idsIn(user)).toEqual(ids.slice(2));
    expect(await store.restore(user, 2)).toEqual({ status: 'missing' });
    expect((await store.restore(user, 3)).status).toBe('done');
  });

  test('drops as many of the oldest as it has too many bytes, but keeps the newest of any length', async () => {
    const user = newId();
    const long = 'x'.repeat(200_000);
    await fill(
      user,
      Array.from({ length: 70 }, () => long),
    );
    expect(await store.countTrash(user)).toBe(70);
    const added = await discard(user, 'y'.repeat(400_000));
    expect(await bytesOf(user)).toBeLessThanOrEqual(TRASH_BYTES);
    const ids = await idsIn(user);
    expect(ids).toEqual([
      ...Array.from({ length: ids.length - 1 }, (_, i) => 72 - ids.length + i),
      added,
    ]);
    // No more entries than necessary, apart from Redis's overhead.
    expect(await bytesOf(user)).toBeGreaterThan(TRASH_BYTES - 500_000);
    while ((await redis.memos(key(user), 'trash', TRASH_ENTRIES, 100_000, 0, '')) === -1);
    expect(await idsIn(user)).toEqual([added]);
  });

  test('restores each of its memos, even if many are long', async () => {
    const user = newId();
    await fill(
      user,
      Array.from({ length: 250 }, (_, i) => (i % 2 ? `${i}` : 'x'.repeat(60_000))),
    );
    expect(await store.remove(user, 5_000_000)).toEqual({ status: 'missing' });
    // One call searches only some of them.
    const bounds = [TRASH_ENTRIES, TRASH_BYTES] as const;
    const [index] = (await redis.memos(key(user), 'discarded', ...bounds, 5e6, '')) as [number];
    expect(index).toBeGreaterThan(100);
    const ids = Array.from({ length: 250 }, (_, i) => i + 1);
    const isRestored = (id: number) => inject('thorough') || id < 5 || id > 245 || id % 7 === 0;
    const restored = ids.filter(isRestored);
    for (const id of restored) {
      expect((await store.restore(user, id)).status, `${id}`).toBe('done');
    }
    expect((await trashOf(user)).map(idOf)).toEqual(ids.filter((id) => !isRestored(id)));
    expect((await listOf(user)).map(idOf)).toEqual(restored);
  });

  test('drops all entries that are over 30 days old at the next operation', async () => {
    const user = newId();
    await fill(
      user,
      Array.from({ length: 3000 }, (_, i) => `${i}`),
      30 * DAY + 60e6,
    );
    const id = await discard(user);
    expect(await idsIn(user)).toEqual([id]);
  });

  test('has ascending times of deletion, even if Redis’s clock was ahead', async () => {
    const user = newId();
    const future = 4_000_000_000_000_000;
    await redis.rpush(key(user), `{"id":1,"text":"a","deleted":${future}}`);
    await discard(user);
    await Promise.all([discard(user, 'b'), discard(user, 'c'), discard(user, 'd')]);
    const times = (await trashOf(user)).map((memo) => parseMemo(memo).deleted);
    expect(times).toEqual(times.map((_, i) => future + i));
  });
});

describe('emptying the trash', () => {
  test('deletes all entries of this person, and neither other people’s nor memos of the list', async () => {
    const [user, other] = [newId(), newId()];
    for (const person of [user, other]) {
      await add(person, 'kept');
      await store.remove(person, await add(person, 'a'));
      await store.remove(person, await add(person, 'b'));
    }
    const ids = (await trashOf(user)).map(idOf);
    const theirs = await trashOf(other);
    await store.empty(user);
    expect(await redis.exists(`user:${user}:trash`)).toBe(0);
    for (const id of ids) expect(await store.restore(user, id)).toEqual({ status: 'missing' });
    expect(await textsOf(user)).toEqual(['kept']);
    expect(await trashOf(other)).toEqual(theirs);
  });

  test('works on an empty trash, and later deletions go to the trash again', async () => {
    const user = newId();
    await store.empty(user);
    const id = await add(user, 'a');
    await store.remove(user, id);
    await store.empty(user);
    await store.remove(user, await add(user, 'b'));
    expect((await store.trash(user, 10)).memos.map((memo) => parseMemo(memo).text)).toEqual(['b']);
    expect(await redis.ttl(`user:${user}:trash`)).toBeGreaterThan(29 * 24 * 3600);
  });
});
