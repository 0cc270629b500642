/**
 * No script of the store takes long, whatever and however much is stored. Each test has its own
 * Redis, whose slow log fails the test.
 */

import { beforeEach, describe, expect, inject, test } from 'vitest';
import { TRASH_BYTES, TRASH_ENTRIES } from '../memo/bounds.ts';
import { parseMemo, versionOf } from '../memo/stored-memo.ts';
import { connectTo, startOwnRedis } from '../testing/stage.ts';
import { createMemoStore, type MemoStore } from './memos.ts';
import { createRateLimiter } from './rate-limits.ts';
import type { RedisClient } from './scripts.ts';

const USER = 'somebody';
const KEY = `user:${USER}:memos`;

/** The number of elements: enough to see a step that grows with the list; all of them in the soak. */
const pick = ([few, all]: [few: number, all: number]) => (inject('thorough') ? all : few);

let redis: RedisClient;
let store: MemoStore;

beforeEach(async () => {
  const own = await startOwnRedis({ appendonly: 'no' });
  redis = connectTo(own.url);
  store = createMemoStore(redis);
});

/** Pushes so many elements, a few megabytes per command. */
async function fill(count: number, make: (i: number) => string, key = KEY): Promise<void> {
  const size = Math.max(1, Math.min(2000, Math.floor(4e6 / make(0).length)));
  for (let i = 0; i < count; i += size) {
    const elements = Array.from({ length: Math.min(size, count - i) }, (_, j) => make(i + j));
    await redis.rpush(key, ...elements);
  }
}

describe('no operation is slow on', () => {
  /** memo.py's longest memo: each of 20,000 characters as two escapes. */
  const longest = '\\ud83d\\ude00'.repeat(20_000);
  const FIRST = 1.7e15;

  test.each([
    ['very many memos', [100_000, 300_000], '그저 그런 길이의 메모 하나입니다. 장보기: 우유, 달걀'],
    ['memos with a node each', [6_000, 30_000], 'x'.repeat(8200)],
    ['the longest memos', [80, 400], longest],
    ['memos of a megabyte', [12, 40], 'x'.repeat(1 << 20)],
  ] as [string, [number, number], string][])(
    '%s',
    async (_, sizes, text) => {
      const count = pick(sizes);
      await fill(count, (i) => `{"id":${FIRST + i},"text":"${i} ${text}"}`);
      const places = [0, 1, count / 4, count / 2, Math.max(0, count - 250), count - 2, count - 1];
      const ids = places.map((place) => FIRST + Math.floor(place));
      for (const id of ids) {
        await store.page(USER, 500, id);
        const { memo } = (await store.edit(USER, id, { pin: true })) as { memo: string };
        const version = versionOf(parseMemo(memo));
        expect((await store.edit(USER, id, { text: `x${id}` }, version)).status).toBe('done');
        expect((await store.edit(USER, id, { text: parseMemo(memo).text })).status).toBe('done');
        expect((await store.remove(USER, id)).status).toBe('done');
        expect(await store.find(USER, id)).toBeUndefined();
        expect((await store.restore(USER, id)).status).toBe('done');
      }
      expect(await redis.llen(KEY)).toBe(count);
      // Pinned memos at all positions of the list.
      const pins = new Set(Array.from({ length: 90 }, (_, i) => Math.floor((i * count) / 90)));
      for (const place of pins) await store.edit(USER, FIRST + place, { pin: true });
      expect((await store.pinned(USER)).length).toBeGreaterThan(0);
      // Long memos are read a few at a time.
      const [handled] = (await redis.memos(KEY, 'find', ...ids, ...ids, ...ids)) as [
        number,
        string,
      ];
      if (text.length > 8000) expect(handled).toBeLessThan(7);
      const added = [
        await store.append(USER, 'new', 'a', { refuseRepeat: true }),
        await store.append(USER, 'new', 'b', { refuseRepeat: true }),
        await store.append(USER, 'new', 'a'),
      ];
      expect(added.map(({ status }) => status)).toEqual(['created', 'repeated', 'existing']);
      expect(await store.remove(USER, 5)).toEqual({ status: 'missing' });
      expect((await store.search(USER, () => false, 50)).memos).toEqual([]);
    },
    120_000,
  );
});

describe('assigning ids is not slow for', () => {
  const many = (what: string, count: number) => what.repeat(count);

  test.each([
    ['spaces inside', `{"a":"${many(' ', 20_000)}"}`],
    ['spaces and nothing else', `{${many(' ', 200_000)}`],
    ['spaces inside and at the end', `{"a":"${many(' ', 20_000)}"} `],
    ['spaces at the end', `{"a":1}${many(' ', 200_000)}`],
    ['spaces before each token', `{${many('"id"  ', 30_000)}}`],
    ['8,000 ids', `{${Array.from({ length: 8000 }, () => '"id": 1')}}`],
    ['34,000 ids', `{${Array.from({ length: 34_000 }, () => '"id": 1')}}`],
    ['ids deep inside', `{${Array.from({ length: 15_000 }, () => '"a":{"id":1}')}}`],
    ['brackets', `{"a":${many('[', 110_000)}${many(']', 110_000)},"\\u0069d":1}`],
    ['quotes', many('"', 240_000)],
    ['quotes in an object', `{${many('"', 240_000)}`],
    ['backslashes', `{"id": "${many('\\', 240_000)}`],
    ['escapes', `{"id": "${many('\\u0000', 40_000)}"}`],
    ['control characters and no object', many('\0', 240_000)],
    ['a megabyte of ids', `{${Array.from({ length: 120_000 }, () => '"id": 1')}}`],
    ['a megabyte', `{"text": "${many('x', 1 << 20)}"}`],
  ])('an element with %s', async (_, element) => {
    await redis.rpush(KEY, element, '{"text": "b"}', element);
    expect((await store.page(USER, 10)).memos.length).toBeGreaterThan(0);
    const list = await redis.lrange(KEY, 0, -1);
    expect(list.map((memo) => parseMemo(memo).id)).toEqual([1, 2, 3]);
    // One call renames a few thousand members.
    const steps = /cmdstat_lset:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1];
    const changed = list[0]!.split('"_id"').length - 1;
    expect(Number(steps)).toBeGreaterThanOrEqual(3 + 2 * Math.floor(changed / 10_000));
  });

  test.each([
    ['many elements', [100_000, 300_000], (i) => `{"text": "${i}"}`],
    ['elements with an "id"', [10_000, 20_000], (i) => `{"id": 1, "text": "${i}"}`],
    ['elements with a node each', [5_000, 20_000], (i) => `{"text": "${i}${'x'.repeat(8200)}"}`],
    ['the longest elements', [60, 300], (i) => `{"text": "${i}${'x'.repeat(240_000)}"}`],
  ] as [string, [number, number], (i: number) => string][])(
    '%s',
    async (_, sizes, make) => {
      const count = pick(sizes);
      await fill(count, make);
      expect((await store.append(USER, 'new')).status).toBe('created');
      const ids = [0, 1, count / 2, count - 1].map(Math.floor);
      for (const i of ids) {
        expect(parseMemo((await redis.lindex(KEY, i))!).id).toBe(i + 1);
      }
      expect(await redis.llen(KEY)).toBe(count + 1);
    },
    120_000,
  );

  test('a restored memo whose id and the next hundred thousand are taken', async () => {
    const count = pick([100_000, 300_000]);
    await fill(1, () => '{"text": "old"}');
    await store.page(USER, 1);
    await store.remove(USER, 1);
    await fill(count, (i) => `{"id":${i + 1},"text":"${i}"}`);
    const { memo } = (await store.restore(USER, 1)) as { memo: string };
    expect(parseMemo(memo)).toMatchObject({ id: count + 1, text: 'old' });
  });
});

describe('the first operation trims a trash of an older version, in short steps, if it holds', () => {
  const TRASH = `user:${USER}:trash`;
  const DAY = 24 * 3600 * 1e6; // µs

  test.each([
    ['many entries', [300_000, 500_000], 20],
    ['long entries', [5_000, 20_000], 9_000],
    ['the longest entries', [100, 300], 240_000],
  ] as [string, [number, number], number][])('%s', async (_, sizes, length) => {
    const count = pick(sizes);
    const text = 'x'.repeat(length);
    const start = Date.now() * 1000 - DAY;
    await fill(count, (i) => `{"id":${i + 1},"text":"${text}","deleted":${start + i}}`, TRASH);
    // One call does not drop all of it.
    expect(await redis.memos(TRASH, 'trash', TRASH_ENTRIES, TRASH_BYTES, 0, '')).toBe(-1);
    expect(await store.remove(USER, 5e6)).toEqual({ status: 'missing' });
    const ids = (await redis.lrange(TRASH, 0, -1)).map((entry) => parseMemo(entry).id);
    expect(ids).toEqual(ids.map((_, i) => count - ids.length + 1 + i));
    expect(await redis.memory('USAGE', TRASH, 'SAMPLES', 0)).toBeLessThanOrEqual(TRASH_BYTES);
    expect(ids.length).toBeLessThanOrEqual(TRASH_ENTRIES);
    const fitting = Math.min(TRASH_ENTRIES, (TRASH_BYTES * 0.8) / (length + 60));
    expect(ids.length).toBeGreaterThan(fitting - 2);
    expect((await store.restore(USER, ids[0]!)).status).toBe('done');
  });
});

test('a rate limit takes less than 1 ms of Redis’s time', async () => {
  const limiter = createRateLimiter(redis);
  for (let i = 0; i < 200; i++) await limiter.take(`user:${USER}:writes`, 120);
  const slowest = /cmdstat_evalsha:.*usec_per_call=([\d.]+)/.exec(await redis.info('commandstats'));
  expect(Number(slowest?.[1])).toBeLessThan(1000);
});
