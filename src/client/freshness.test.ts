import { expect, test } from 'vitest';
import {
  admitRefresh,
  beginChange,
  beginRefresh,
  createFreshness,
  endRefresh,
  needsRefresh,
} from './freshness.ts';

const createStale = () => ({ ...createFreshness(), isStale: true });

test('a page is requested when it is stale, once', () => {
  expect(needsRefresh(createFreshness())).toBe(false);
  const page = createStale();
  expect(needsRefresh(page)).toBe(true);
  beginRefresh(page);
  expect(needsRefresh(page)).toBe(false);
  expect(admitRefresh(page, false)).toBe(true);
  expect(endRefresh(page)).toBe(true);
  expect(page).toEqual(createFreshness());
});

test('not while a change of the reader’s own is under way', () => {
  const page = createStale();
  const [one, other] = [{}, {}];
  beginChange(page, one);
  beginChange(page, other);
  page.changes.delete(one);
  expect(needsRefresh(page)).toBe(false);
  page.changes.delete(other);
  expect(needsRefresh(page)).toBe(true);
});

test('a page that was requested before a change began is not shown, but requested again', () => {
  const page = createStale();
  const change = {};
  beginRefresh(page);
  beginChange(page, change);
  page.changes.delete(change); // its response was faster
  expect(admitRefresh(page, false)).toBe(false);
  expect(endRefresh(page)).toBe(true);
  expect(needsRefresh(page)).toBe(true);
});

test('nor is one that comes while a syllable is composed', () => {
  const page = createStale();
  beginRefresh(page);
  expect(admitRefresh(page, true)).toBe(false);
  expect(endRefresh(page)).toBe(true);
  expect(needsRefresh(page)).toBe(true);
});

test('news that come while the page is requested are shown by the next request', () => {
  const page = createStale();
  beginRefresh(page);
  page.isStale = true;
  expect(needsRefresh(page)).toBe(false);
  // The page that comes is newer than what is shown, all the same.
  expect(admitRefresh(page, false)).toBe(true);
  endRefresh(page);
  expect(needsRefresh(page)).toBe(true);
});

test.each([false, true])(
  'a request that fails leaves the page stale (overtaken: %s)',
  (overtaken) => {
    const page = createStale();
    beginRefresh(page);
    const change = {};
    if (overtaken) beginChange(page, change);
    page.changes.delete(change);
    // There may be no network: it is not tried again at once.
    expect(endRefresh(page)).toBe(false);
    expect(needsRefresh(page)).toBe(true);
  },
);
