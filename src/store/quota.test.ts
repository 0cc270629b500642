import { expect, test } from 'vitest';
import { connect, newId } from '../testing/app.ts';
import { createQuota } from './quota.ts';

const redis = connect();
const LIMIT = 100_000;

/** A quota for the key that has the person's name, with a clock that tests set and a count of measurements. */
function createCounted(limit = LIMIT) {
  const counted = { now: 0, measured: 0 };
  const measure = async (user: string) => {
    counted.measured++;
    return (await redis.memory('USAGE', user, 'SAMPLES', 0)) ?? 0;
  };
  return { ...createQuota(limit, measure, () => counted.now), counted };
}

test('added bytes count on top of the last measurement', async () => {
  const user = newId();
  const quota = createCounted();
  for (let i = 0; i < 7; i++) {
    expect(await quota.hasRoom(user, 10_000)).toBe(true);
    quota.add(user, 10_000);
  }
  expect(quota.counted.measured).toBe(1);
  // Nothing was stored in fact: the quota measures again before it refuses.
  expect(await quota.hasRoom(user, 20_000)).toBe(true);
  expect(quota.counted.measured).toBe(2);
});

test('a measured size beyond the limit is refused until the data is gone', async () => {
  const user = newId();
  const quota = createCounted();
  await redis.rpush(user, 'x'.repeat(70_000));
  expect(await quota.hasRoom(user, 5000)).toBe(true);
  expect(await quota.hasRoom(user, 50_000)).toBe(false);
  expect(await quota.hasRoom(newId(), 50_000)).toBe(true);
  await redis.del(user);
  expect(await quota.hasRoom(user, 50_000)).toBe(true);
});

test('bytes that other processes add count after a minute', async () => {
  const user = newId();
  const quota = createCounted();
  expect(await quota.hasRoom(user, 1)).toBe(true);
  await redis.rpush(user, 'x'.repeat(200_000));
  quota.counted.now = 59_999;
  expect(await quota.hasRoom(user, 1)).toBe(true);
  expect(quota.counted.measured).toBe(1);
  quota.counted.now = 60_000;
  expect(await quota.hasRoom(user, 1)).toBe(false);
  expect(quota.counted.measured).toBe(2);
});

test('the measurements of 10,000 people are cached', async () => {
  const quota = createCounted();
  const people = Array.from({ length: 10_001 }, (_, i) => `${newId()}${i}`);
  const [first, last] = [people[0]!, people.at(-1)!];
  await Promise.all(people.map((person) => quota.hasRoom(person, 1)));
  quota.counted.measured = 0;
  await quota.hasRoom(last, 1);
  expect(quota.counted.measured).toBe(0);
  await quota.hasRoom(first, 1);
  expect(quota.counted.measured).toBe(1);
});

test('without a limit nothing is measured', async () => {
  const quota = createCounted(0);
  expect(await quota.hasRoom(newId(), Number.MAX_SAFE_INTEGER)).toBe(true);
  expect(quota.counted.measured).toBe(0);
});
