import type { Language } from './index.ts';

const relative = {
  ko: new Intl.RelativeTimeFormat('ko', { numeric: 'auto' }),
  en: new Intl.RelativeTimeFormat('en', { numeric: 'auto' }),
};
/** What was said before: a few hundred phrases are all that there are. */
const phrases = { ko: new Map<string, string>(), en: new Map<string, string>() };

const UNITS: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_556_952],
  ['month', 2_629_746],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** How long ago a time was, for people: “3분 전”, “어제”. @param time in ms @param now in ms */
export function formatRelative(language: Language, time: number, now: number): string {
  const seconds = (time - now) / 1000;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 60];
  const count = Math.trunc(seconds / length);
  const key = `${count}${unit}`;
  let phrase = phrases[language].get(key);
  if (phrase === undefined) {
    phrase = relative[language].format(count, unit);
    // Times of long ago, which only a foreign hand writes, do not fill it.
    if (Math.abs(count) < 100) phrases[language].set(key, phrase);
  }
  return phrase;
}
