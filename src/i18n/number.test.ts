import { expect, test } from 'vitest';
import { LANGUAGES } from './index.ts';
import { formatCount } from './number.ts';

test.each([0, 7, 999, 1000, 20_000, 123_456, 1_000_000])('%i is formatted as in CLDR', (count) => {
  for (const language of LANGUAGES) expect(formatCount(count)).toBe(count.toLocaleString(language));
});
