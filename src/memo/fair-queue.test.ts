import { expect, test } from 'vitest';
import { createFairQueue } from './fair-queue.ts';

/** Asks for tasks of these people at once, and says in which order they were done. */
async function order(width: number, people: string[], signals: Record<number, AbortSignal> = {}) {
  const inTurn = createFairQueue(width);
  const done: string[] = [];
  let running = 0;
  const task = (name: string) => async () => {
    running++;
    expect(running).toBeLessThanOrEqual(width);
    await Promise.resolve();
    running--;
    done.push(name);
  };
  const all = people.map((person, i) => inTurn(person, task(`${person}${i}`), signals[i]));
  const outcomes = await Promise.allSettled(all);
  return { done, outcomes: outcomes.map(({ status }) => status) };
}

test('everybody’s first comes before anybody’s second, and nobody’s is left', async () => {
  const { done } = await order(1, ['a', 'a', 'a', 'a', 'b', 'b', 'c']);
  // The first found nobody there.
  expect(done).toEqual(['a0', 'a1', 'b4', 'c6', 'a2', 'b5', 'a3']);
  const { done: wide } = await order(3, Array(20).fill('a').concat('b'));
  expect(wide.indexOf('b20')).toBeLessThan(6);
  expect(wide).toHaveLength(21);
});

test('a task that nobody waits for any more is not begun, and keeps nobody from theirs', async () => {
  const leaving = new AbortController();
  const asked = order(1, ['a', 'b', 'b', 'c'], { 1: leaving.signal, 3: AbortSignal.abort() });
  leaving.abort();
  const { done, outcomes } = await asked;
  expect(done).toEqual(['a0', 'b2']);
  expect(outcomes).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
});

test('a task that fails gives its place to the next', async () => {
  const inTurn = createFairQueue(1);
  const failed = inTurn('a', () => Promise.reject(new Error('no')));
  const next = inTurn('b', async () => 'done');
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('done');
});
