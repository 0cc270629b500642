/** What every page needs besides its content. */
import type { Config } from '../config.ts';
import { LANGUAGES, type Language, MESSAGES } from '../i18n/index.ts';
import type { Messages } from '../i18n/ko.ts';
import type { Assets } from './assets.ts';

/** `auto` follows the device's setting. */
export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** What depends on language and theme only: one object for each pair, while the process lives. */
export interface StaticContext {
  language: Language;
  /** the texts */
  t: Messages;
  theme: Theme;
  /** precedes every path, see `Config.prefix` */
  prefix: string;
  /** absolute, so that a login ends on the host where it began (localhost, not 127.0.0.1) */
  loginUrl: string;
  assets: Assets;
}

export interface PageContext extends StaticContext {
  /** the static context of this language and theme */
  static: StaticContext;
  /** when the request arrived, in ms */
  now: number;
  /** whether htmx sent the request: it gets the changing part of the page (https://four.htmx.org) */
  fragment: boolean;
  /** the path of the request as the browser sees it */
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
