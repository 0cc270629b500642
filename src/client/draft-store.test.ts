import { describe, expect, test, vi } from 'vitest';
import { createDraftStore, createKey, type DraftStorage } from './draft-store.ts';

/** As `localStorage`: items are its keys. */
const createStorage = (): DraftStorage =>
  Object.create({
    getItem(this: Items, name: string) {
      return this[name] ?? null;
    },
    setItem(this: Items, name: string, item: string) {
      this[name] = item;
    },
    removeItem(this: Items, name: string) {
      delete this[name];
    },
  });
type Items = Record<string, string>;

/** A tab of one person's, with its own form for new memos. */
const openTab = (storage: DraftStorage, person = 'kim') => ({
  store: createDraftStore(storage, person),
  form: {},
});
const textsOf = (storage: DraftStorage) =>
  Object.entries({ ...storage }).map(([name, item]) => [name, JSON.parse(String(item)).text]);

describe('a draft', () => {
  test('comes back in another tab, with its place and, of an edit, its version', () => {
    const storage = createStorage();
    const { store, form } = openTab(storage);
    store.keep(form, 'new:a', 'a new memo');
    store.keep({}, 'edit:7', 'an edit', '42');
    const next = openTab(storage);
    expect(next.store.own()).toBe('new:a');
    expect(next.store.restore(next.form, 'new:a', '', '')).toMatchObject({ text: 'a new memo' });
    expect(next.store.restore({}, 'edit:7', 'before', 'before')).toMatchObject({
      text: 'an edit',
      version: '42',
    });
    expect(next.store.places('edit:')).toEqual(['edit:7']);
  });

  test('of a person is not seen by another one', () => {
    const storage = createStorage();
    const { store, form } = openTab(storage);
    store.keep(form, 'new:a', 'mine');
    const { store: other } = openTab(storage, 'lee');
    expect([other.own(), other.places(), other.read('new:a')]).toEqual([undefined, [], undefined]);
    other.remove('new:a');
    expect(textsOf(storage)).toEqual([['memo:kim:new:a', 'mine']]);
  });

  test('that was typed last is the one that a new tab continues', () => {
    vi.useFakeTimers();
    const storage = createStorage();
    for (const place of ['new:a', 'new:c', 'new:b']) {
      vi.advanceTimersByTime(1000);
      const { store, form } = openTab(storage);
      store.keep(form, place, place);
    }
    vi.useRealTimers();
    expect(openTab(storage).store.own()).toBe('new:b');
  });

  test('is not written again by a tab that has only shown it', () => {
    const storage = createStorage();
    const writer = openTab(storage);
    writer.store.keep(writer.form, 'new:a', 'begun');
    const reader = openTab(storage);
    reader.store.restore(reader.form, 'new:a', '', '');
    writer.store.keep(writer.form, 'new:a', 'begun and continued');
    reader.store.keep(reader.form, 'new:a', 'begun');
    expect(textsOf(storage)).toEqual([['memo:kim:new:a', 'begun and continued']]);
  });

  test('goes when its form holds nothing to lose, and when it is forgotten', () => {
    const storage = createStorage();
    const { store, form } = openTab(storage);
    store.keep(form, 'new:a', 'text');
    store.keep(form, 'new:a', '');
    expect(textsOf(storage)).toEqual([]);
    store.keep(form, 'new:a', 'text');
    store.forget(form, 'new:a');
    expect(textsOf(storage)).toEqual([]);
    // The same text once more is another memo's.
    store.keep(form, 'new:b', 'text');
    expect(textsOf(storage)).toEqual([['memo:kim:new:b', 'text']]);
    expect(store.own()).toBe('new:b');
  });
});

describe('restoring', () => {
  test('does not replace what was typed in the meantime', () => {
    const storage = createStorage();
    const { store, form } = openTab(storage);
    store.keep(form, 'edit:7', 'yesterday’s', '42');
    const next = openTab(storage);
    expect(next.store.restore(next.form, 'edit:7', 'typed early', 'before')).toBeUndefined();
    // What the browser itself has brought back is the draft.
    expect(next.store.restore({}, 'edit:7', 'yesterday’s', 'before')).toBeDefined();
  });

  test('keeps both when something was typed first: the draft becomes a new memo’s', () => {
    const storage = createStorage();
    const { store, form } = openTab(storage);
    store.keep(form, 'edit:7', 'yesterday’s', '42');
    const next = openTab(storage);
    next.store.keep(next.form, 'edit:7', 'typed early', '43');
    expect(next.store.read('edit:7')).toMatchObject({ text: 'typed early', version: '43' });
    const aside = next.store.own()!;
    expect(aside).toMatch(/^new:[0-9a-f]{32}$/);
    expect(next.store.read(aside)?.text).toBe('yesterday’s');
    expect(next.store.read(aside)?.version).toBeUndefined();
  });

  test('drops a draft that has been saved after all', () => {
    const storage = createStorage();
    const { store, form } = openTab(storage);
    store.keep(form, 'edit:7', 'saved', '42');
    expect(openTab(storage).store.restore({}, 'edit:7', 'saved', 'saved')).toBeUndefined();
    expect(textsOf(storage)).toEqual([]);
  });

  test('ignores items that are no drafts', () => {
    const storage = createStorage();
    for (const [i, item] of ['', '{', 'null', '7', '{"text":7}'].entries()) {
      storage.setItem(`memo:kim:new:${i}`, item);
      expect(openTab(storage).store.restore({}, `new:${i}`, '', '')).toBeUndefined();
    }
  });
});

describe('the draft that two tabs show', () => {
  /** Both show it; what happens in one of them is told to the other. */
  function share() {
    const storage = createStorage();
    const here = openTab(storage);
    here.store.keep(here.form, 'new:a', 'begun');
    const there = openTab(storage);
    there.store.restore(there.form, 'new:a', '', '');
    const key = 'memo:kim:new:a';
    const tell = (value: string, act: () => void, name = key) => {
      const oldValue = storage.getItem(key);
      act();
      const newValue = storage.getItem(key);
      return there.store.follow(there.form, value, { key: name, oldValue, newValue });
    };
    return { storage, here, there, tell };
  }

  test('is continued in both', () => {
    const { storage, here, there, tell } = share();
    const typeOn = () => here.store.keep(here.form, 'new:a', 'begun and continued');
    const change = tell('begun', typeOn);
    expect(change).toEqual({ text: 'begun and continued', isGone: false });
    // Which the other one has only shown.
    here.store.keep(here.form, 'new:a', 'further');
    there.store.keep(there.form, 'new:a', 'begun and continued');
    expect(textsOf(storage)).toEqual([['memo:kim:new:a', 'further']]);
  });

  test('is gone from both once it is saved', () => {
    const { here, tell } = share();
    const change = tell('begun', () => here.store.forget(here.form, 'new:a'));
    expect(change).toEqual({ text: '', isGone: true });
  });

  test('is two texts when it was continued in both', () => {
    const { here, tell } = share();
    expect(tell('begun here', () => here.store.keep(here.form, 'new:a', 'begun there'))).toEqual({
      text: 'begun here',
      isGone: false,
    });
    expect(tell('begun here', () => here.store.forget(here.form, 'new:a'))).toEqual({
      text: 'begun here',
      isGone: true,
    });
  });

  test('is not changed by another item', () => {
    const { here, tell } = share();
    const typeOn = () => here.store.keep(here.form, 'new:a', 'more');
    expect(tell('begun', typeOn, 'memo:kim:new:b')).toBeUndefined();
  });

  test('is not emptied by an item that is no draft', () => {
    const { storage, tell } = share();
    const change = tell('begun', () => storage.setItem('memo:kim:new:a', '{'));
    expect(change).toEqual({ text: 'begun', isGone: false });
  });
});

test('the draft of a memo that was deleted becomes a new memo’s', () => {
  const storage = createStorage();
  const { store, form } = openTab(storage);
  expect(store.orphan('7')).toBe(false);
  store.keep(form, 'edit:7', 'an edit', '42');
  expect(store.orphan('7')).toBe(true);
  expect(store.places('edit:')).toEqual([]);
  expect(store.read(store.own()!)?.text).toBe('an edit');
});

test.each([
  ['is full', Object.assign(createStorage(), { setItem: fail })],
  ['is turned off', undefined],
])('a storage that %s breaks nothing', (_, storage) => {
  const store = createDraftStore(storage, 'kim');
  const form = {};
  store.keep(form, 'new:a', 'text');
  expect(store.read('new:a')).toBeUndefined();
  expect(store.restore(form, 'new:a', '', '')).toBeUndefined();
  store.forget(form, 'new:a');
  expect(store.orphan('7')).toBe(false);
});

test('a full storage does not lose the draft that would be set aside', () => {
  const storage = createStorage();
  const { store, form } = openTab(storage);
  store.keep(form, 'edit:7', 'yesterday’s', '42');
  const full = createDraftStore(
    Object.assign(Object.create(storage), { setItem: fail }) as DraftStorage,
    'kim',
  );
  full.keep({}, 'edit:7', 'typed early', '43');
  expect(textsOf(storage)).toEqual([['memo:kim:edit:7', 'yesterday’s']]);
});

test('keys are 128 bits, with their leading zeros', () => {
  const keys = Array.from({ length: 100 }, createKey);
  expect(new Set(keys).size).toBe(100);
  expect(keys.filter((key) => !/^[0-9a-f]{32}$/.test(key))).toEqual([]);
});

function fail(): never {
  throw new Error('QuotaExceededError');
}
