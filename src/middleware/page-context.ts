import { createMiddleware } from 'hono/factory';
import type { AppContext } from '../context.ts';
import { readCookies } from '../http/cookies.ts';
import type { Env } from '../http/env.ts';
import { preferredLanguage } from '../http/negotiate.ts';
import { createStaticContexts, THEMES } from '../http/page-context.ts';
import { LANGUAGES } from '../i18n/index.ts';

/**
 * Sets `page`, with the language and theme of the browser's cookies or else the language that it
 * prefers, and `compressor`.
 */
export function pageContext({
  config,
  assets,
  compressor,
}: Pick<AppContext, 'config' | 'assets' | 'compressor'>) {
  const contexts = createStaticContexts(config, assets);
  return createMiddleware<Env>((c, next) => {
    const [chosenLanguage] = readCookies(c, 'language');
    const [chosenTheme] = readCookies(c, 'theme');
    const language =
      LANGUAGES.find((it) => it === chosenLanguage) ??
      preferredLanguage(c.req.header('Accept-Language'), LANGUAGES) ??
      'ko';
    const theme = THEMES.find((it) => it === chosenTheme) ?? 'auto';
    const context = contexts[language][theme];
    // Spelled out: spreading `context` is slower than the rest of this middleware.
    c.set('page', {
      language,
      t: context.t,
      theme,
      prefix: context.prefix,
      loginUrl: context.loginUrl,
      assets,
      static: context,
      now: Date.now(),
      fragment: c.req.header('HX-Request') === 'true',
      path: config.prefix + c.req.path.slice(config.basePath.length),
    });
    c.set('compressor', compressor);
    return next();
  });
}
