import { expect, test } from 'vitest';
import { LANGUAGES } from './index.ts';
import { formatRelative } from './time.ts';

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
  [-2 * HOUR, '2시간 후', 'in 2 hours'],
  [-2 * DAY, '모레', 'in 2 days'],
])('%i ms ago is %s', (age, korean, english) => {
  const now = Date.UTC(2026, 0, 1);
  expect(formatRelative('ko', now - age, now)).toBe(korean);
  expect(formatRelative('en', now - age, now)).toBe(english);
});

test('all relative times have the texts of CLDR', () => {
  for (const language of LANGUAGES) {
    const cldr = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
    for (const [unit, length, most] of [
      ['minute', MINUTE, 59],
      ['hour', HOUR, 23],
      ['day', DAY, 6],
      ['week', 7 * DAY, 4],
      ['month', MONTH, 11],
      ['year', YEAR, 30],
    ] as const) {
      for (let count = -most; count <= most; count++) {
        if (count === 0) continue;
        expect(formatRelative(language, count * length, 0)).toBe(cldr.format(count, unit));
      }
    }
  }
});
