/** What pages need besides their own content. */
import type { Config } from '../config.ts';
import { LANGUAGES, type Language, MESSAGES } from '../i18n/index.ts';
import type { Messages } from '../i18n/ko.ts';
import type { Assets } from './assets.ts';

/** Dark and light by the device's setting, or always one of them. */
export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** What language and theme decide: one object for each pair, for as long as the process lives. */
export interface StaticContext {
  language: Language;
  /** the texts */
  t: Messages;
  theme: Theme;
  /** in front of every path, see `Config.prefix` */
  prefix: string;
  /** absolute, so that a login ends on the host where it began (localhost, not 127.0.0.1) */
  loginUrl: string;
  assets: Assets;
}

export interface PageContext extends StaticContext {
  /** the object that the static members come from */
  static: StaticContext;
  /** when the request came, in ms */
  now: number;
  /** whether htmx asks: it gets the part of the page that changes (https://four.htmx.org) */
  fragment: boolean;
  /** the request's own path as the browser sees it */
  path: string;
}

/** The static contexts of all pairs of language and theme. */
export function createStaticContexts({ prefix, publicUrl }: Config, assets: Assets) {
  const loginUrl = `${publicUrl}/login`;
  return byEach(LANGUAGES, (language) =>
    byEach(
      THEMES,
      (theme): StaticContext => ({
        language,
        t: MESSAGES[language],
        theme,
        prefix,
        loginUrl,
        assets,
      }),
    ),
  );
}

const byEach = <K extends string, V>(keys: readonly K[], create: (key: K) => V) =>
  Object.fromEntries(keys.map((key) => [key, create(key)])) as Record<K, V>;
