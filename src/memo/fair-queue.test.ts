import { expect, test } from 'vitest';
import { createFairQueue } from './fair-queue.ts';

/** Queues a task for each of these people at once, and returns the order of completion. */
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

test('each person’s first task runs before anyone’s second, and every task runs', async () => {
  const { done } = await order(1, ['a', 'a', 'a', 'a', 'b', 'b', 'c']);
  // a0 starts at once, as the queue is empty.
  expect(done).toEqual(['a0', 'a1', 'b4', 'c6', 'a2', 'b5', 'a3']);
  const { done: wide } = await order(3, Array(20).fill('a').concat('b'));
  expect(wide.indexOf('b20')).toBeLessThan(6);
  expect(wide).toHaveLength(21);
});

test('an aborted task does not start, and does not delay the others', async () => {
  const leaving = new AbortController();
  const asked = order(1, ['a', 'b', 'b', 'c'], { 1: leaving.signal, 3: AbortSignal.abort() });
  leaving.abort();
  const { done, outcomes } = await asked;
  expect(done).toEqual(['a0', 'b2']);
  expect(outcomes).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
});

test('the next task starts after a task that fails', async () => {
  const inTurn = createFairQueue(1);
  const failed = inTurn('a', () => Promise.reject(new Error('no')));
  const next = inTurn('b', async () => 'done');
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('done');
});
