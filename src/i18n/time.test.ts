import { expect, test } from 'vitest';
import { formatRelative } from './index.ts';

const [MINUTE, HOUR, DAY, MONTH, YEAR] = [60, 3600, 86_400, 2_629_746, 31_556_952].map(
  (seconds) => seconds * 1000,
) as [number, number, number, number, number];

test.each([
  [0, '지금', 'now'],
  [MINUTE - 1, '지금', 'now'],
  [MINUTE, '1분 전', '1 minute ago'],
  [HOUR - 1, '59분 전', '59 minutes ago'],
  [HOUR, '1시간 전', '1 hour ago'],
  [DAY, '어제', 'yesterday'],
  [2 * DAY, '그저께', '2 days ago'],
  [7 * DAY, '지난주', 'last week'],
  [MONTH, '지난달', 'last month'],
  [YEAR, '작년', 'last year'],
  [25 * YEAR, '25년 전', '25 years ago'],
])(
  'a time %i ms ago is written as %s and %s, also from the cache of phrases',
  (age, korean, english) => {
    const now = Date.UTC(2026, 0, 1);
    for (let again = 0; again < 2; again++) {
      expect(formatRelative('ko', now - age, now)).toBe(korean);
      expect(formatRelative('en', now - age, now)).toBe(english);
    }
  },
);
