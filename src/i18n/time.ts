import { type Language, MESSAGES } from './index.ts';
import type { TimeUnit } from './ko.ts';

const UNITS: [unit: TimeUnit, seconds: number][] = [
  ['year', 31_556_952],
  ['month', 2_629_746],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/**
 * Formats a time relative to now: “3분 전”, “어제”. The texts are those of CLDR, but without
 * `Intl.RelativeTimeFormat`, because the first use of `Intl` in a process takes 27 ms, a tenth of the
 * start, and 8 MB. It can replace this when that costs a few ms at most.
 * @param time in ms since 1970
 * @param now in ms since 1970
 */
export function formatRelative(language: Language, time: number, now: number): string {
  const seconds = (time - now) / 1000;
  const { relative } = MESSAGES[language];
  const found = UNITS.find(([, size]) => Math.abs(seconds) >= size);
  if (!found) return relative.now;
  const [unit, length] = found;
  const count = Math.trunc(seconds / length);
  return (
    relative.names[`${count} ${unit}`] ??
    (count < 0 ? relative.past(-count, unit) : relative.future(count, unit))
  );
}
