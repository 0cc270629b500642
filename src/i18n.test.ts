import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatRelative, formatTime } from './i18n.ts';

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
])('%i ms ago is %s, and again', (age, korean, english) => {
  const now = Date.UTC(2026, 0, 1);
  for (let again = 0; again < 2; again++) {
    expect(formatRelative('ko', now - age, now)).toBe(korean);
    expect(formatRelative('en', now - age, now)).toBe(english);
  }
});

test('a time is said in the words that the language has for it', () => {
  const shape = {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZone: 'Asia/Seoul',
  } as const;
  const formats = {
    ko: new Intl.DateTimeFormat('ko', { ...shape, year: 'numeric', month: 'long', day: 'numeric' }),
    en: new Intl.DateTimeFormat('en', {
      ...shape,
      year: 'numeric',
      month: 'short',
      day: 'numeric',
      timeZoneName: 'short',
    }),
  };
  const times = fc.integer({ min: Date.UTC(2001, 0, 1), max: Date.UTC(2101, 0, 1) });
  fc.assert(
    fc.property(times, fc.constantFrom('ko' as const, 'en' as const), (time, language) => {
      expect(formatTime(language, time)).toBe(formats[language].format(time));
    }),
    { numRuns: 2000 },
  );
});
