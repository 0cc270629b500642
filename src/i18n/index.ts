/** The languages of the pages. */
import { en } from './en.ts';
import { ko } from './ko.ts';

export const MESSAGES = { ko, en };
export type Language = keyof typeof MESSAGES;
export const LANGUAGES: Language[] = ['ko', 'en'];
/** Each in its own words, for whoever does not read the present one. */
export const LANGUAGE_NAMES = { ko: '한국어', en: 'English' };
