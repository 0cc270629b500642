import { expect, test } from 'vitest';
import { BYTES_IN_FLIGHT, BYTES_OF_STRANGERS, REQUESTS_PER_PERSON } from '../memo/bounds.ts';
import { Flights } from './flights.ts';
import { createSearches } from './searches.ts';

const KIB = 1024;

test('requests without a login cannot use up the bytes of logged-in people', () => {
  const flights = new Flights();
  const strangers = Array.from({ length: BYTES_OF_STRANGERS / (256 * KIB) }, () => flights.begin());
  for (const stranger of strangers) stranger.hold(256 * KIB);
  expect(() => flights.begin().hold(33 * KIB)).toThrow('busy');
  flights.begin().hold(32 * KIB); // small requests always have room
  const mine = flights.begin();
  mine.belongTo('me');
  mine.hold(1024 * KIB);
  for (const stranger of strangers) stranger.close();
  flights.begin().hold(256 * KIB);
});

test('bytes beyond the limit are refused until other requests have released theirs', () => {
  const flights = new Flights();
  const all = Array.from({ length: BYTES_IN_FLIGHT / (1024 * KIB) }, (_, i) => {
    const flight = flights.begin();
    flight.belongTo(`person ${i}`);
    flight.hold(1024 * KIB);
    return flight;
  });
  const next = flights.begin();
  next.belongTo('next');
  expect(flights.isCrowded()).toBe(true);
  expect(() => next.hold(64 * KIB)).toThrow('busy');
  all[0]!.hold(100);
  next.hold(64 * KIB);
  for (const flight of [...all, next]) flight.close();
  expect(flights.isCrowded()).toBe(false);
});

test('a request counts until its work has ended, although its client has disconnected', () => {
  const flights = new Flights();
  const ask = () => {
    const flight = flights.begin();
    flight.belongTo('me');
    return flight;
  };
  const requests = Array.from({ length: REQUESTS_PER_PERSON }, ask);
  for (const flight of requests) flight.close(); // the work goes on
  expect(ask).toThrow('busy');
  requests[0]!.endWork();
  const another = ask();
  another.belongTo('me'); // called twice, counted once
  expect(ask).toThrow('busy');
  another.endWork();
  expect(ask).toThrow('busy'); // the response has not been taken yet
  another.close();
  ask();
});

/** Starts a search that runs until it is finished or aborted. */
function startSearch(
  searches: ReturnType<typeof createSearches>,
  { person = 'me', tab = 'tab' }: { person?: string; tab?: string },
) {
  let finish = (_: string) => {};
  const leave = new AbortController();
  const search = { hasBegun: false, leave, finish: (found: string) => finish(found) };
  const found = searches
    .run(person, tab, leave.signal, (signal) => {
      search.hasBegun = true;
      return new Promise<string>((resolve) => {
        finish = resolve;
        signal.addEventListener('abort', () => resolve('a part'));
      });
    })
    .catch((error: Error) => error.message);
  return Object.assign(search, { found });
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a newer search aborts the older one of the same tab; searches of other tabs wait', async () => {
  const searches = createSearches();
  const first = startSearch(searches, {});
  await settle();
  const second = startSearch(searches, {});
  expect(await first.found).toBe('busy');
  await settle();
  const other = startSearch(searches, { tab: 'other' });
  await settle();
  expect([second.hasBegun, other.hasBegun]).toEqual([true, false]);
  second.finish('all');
  expect(await second.found).toBe('all');
  await settle();
  expect(other.hasBegun).toBe(true);
  other.finish('all');
  expect(await other.found).toBe('all');
});

test('searches whose clients disconnect while waiting do not delay the others', async () => {
  const searches = createSearches();
  const people = Array.from({ length: 4 }, (_, i) => startSearch(searches, { person: `${i}` }));
  const left = Array.from({ length: 50 }, (_, i) => startSearch(searches, { person: `left ${i}` }));
  const last = startSearch(searches, { person: 'last' });
  await settle();
  for (const { leave } of left) leave.abort();
  people[0]!.finish('all');
  await settle();
  expect([last.hasBegun, ...left.map(({ hasBegun }) => hasBegun)].filter(Boolean)).toEqual([true]);
  for (const search of [...people, last]) search.finish('all');
  expect(await last.found).toBe('all');
});
