/** All that a client can send: whoever else is there gets their answers, and in time. */
import { afterAll, expect, test } from 'vitest';
import { type Answer, ATTACKS, expectUnharmed, isAlive, suffer } from '../attack.ts';

/** What was measured, for whoever compares. */
const figures: Record<string, object> = {};
afterAll(() => console.table(figures));

const count = (answers: Answer[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

test.each(ATTACKS)('$what: nobody else waits', { timeout: 300_000 }, async (attack) => {
  const start = performance.now();
  const { stage, seen, answers } = await suffer(attack, attack.sizes[1]);
  const { memory, p99, max, longest, cpu } = seen;
  const figure = {
    lives: await isAlive(stage),
    memory,
    p99,
    max,
    longest,
    cpu,
    others: JSON.stringify(seen.answers),
    attackers: JSON.stringify(count(answers)),
    largest: Math.max(0, ...answers.map(({ bytes }) => bytes)),
    seconds: Math.round((performance.now() - start) / 1000),
  };
  figures[attack.what] = figure;
  console.log(attack.what, JSON.stringify(figure));
  await expectUnharmed(stage, seen);
  expect(p99).toBeLessThan(attack.p99 ?? 600);
});
