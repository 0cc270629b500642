/** A memo is not much, and no answer makes much of it. */
import { expect, test } from 'vitest';
import { expectModestAnswers } from '../amplification.ts';
import { setUp } from '../attack.ts';

test('whatever is stored, and however it is asked for, an answer is at most 3 MB', {
  timeout: 120_000,
}, async () => {
  const stage = await setUp();
  await expectModestAnswers(stage, 3);
  expect(stage.server.stderr).toBe('');
});
