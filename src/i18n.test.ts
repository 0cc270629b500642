import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatRelative, relativeUntil } from './i18n.ts';

const NOW = Date.UTC(2026, 0, 1);
const SECOND = 1000;
const YEAR = 31_556_952 * SECOND;

test('how long ago a time was stays said just as long as it is said to', () => {
  const ages = fc.oneof(
    ...[60 * SECOND, 3600 * SECOND, 86_400 * SECOND, YEAR, 30 * YEAR].map((max) =>
      fc.integer({ min: 0, max }),
    ),
  );
  fc.assert(
    fc.property(ages, fc.constantFrom('ko' as const, 'en' as const), (age, language) => {
      const time = NOW - age;
      const until = relativeUntil(time, NOW);
      expect(until).toBeGreaterThan(NOW);
      const said = formatRelative(language, time, NOW);
      expect(formatRelative(language, time, until - 1)).toBe(said);
      expect(formatRelative(language, time, until)).not.toBe(said);
    }),
    { numRuns: 2000 },
  );
});
