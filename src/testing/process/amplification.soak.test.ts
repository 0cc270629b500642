/** What an answer costs, whatever is stored: little time, and others have their turn meanwhile. */
import { expect, test } from 'vitest';
import { expectModestAnswers } from '../amplification.ts';
import { setUp, watch } from '../attack.ts';

/** In ms: each has its turn after 50; the rest is for what the system and the collector take. */
const TURN = 50 + 100;

test('whatever is stored, an answer is at most 3 MB and half a second of work', {
  timeout: 900_000,
}, async () => {
  const stage = await setUp();
  const most = await expectModestAnswers(stage, 60, { measures: true });
  console.log('the most of an answer:', most);
});

test('whatever is being shown, others have their turn', { timeout: 900_000 }, async () => {
  const stage = await setUp();
  const { seen } = await watch(stage, () => expectModestAnswers(stage, 40), {
    paths: ['/healthz'],
    pause: 3,
  });
  console.log('the longest wait of others:', seen);
  expect(Object.keys(seen.answers)).toEqual(['200']);
  expect(seen.max).toBeLessThan(TURN);
});
