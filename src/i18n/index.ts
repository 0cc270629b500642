/** The languages of the pages. */
import { en } from './en.ts';
import { ko } from './ko.ts';

export const MESSAGES = { ko, en };
export type Language = keyof typeof MESSAGES;
export const LANGUAGES: Language[] = ['ko', 'en'];
/** The name of each language in that language, for readers who do not know the current one. */
export const LANGUAGE_NAMES = { ko: '한국어', en: 'English' };
