import { type Context, Hono } from 'hono';
import type { Config } from '../config.ts';
import { type Env, THEMES, type Theme } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import { sendCookie } from '../http/respond.ts';
import { LANGUAGES, type Language } from '../i18n/index.ts';
import { readBody, requireForm } from '../middleware/body.ts';

const YEAR = 365 * 24 * 60 * 60; // seconds

/** What this browser has chosen; undefined: nothing, or nothing that we know. */
export function readSettings(c: Context<Env>): { language?: Language; theme?: Theme } {
  const cookies = c.req.header('Cookie') ?? '';
  const read = (name: RegExp) => name.exec(cookies)?.[1];
  const [language, theme] = [read(/(?:^|;) *language=(\w+)/), read(/(?:^|;) *theme=(\w+)/)];
  return {
    language: LANGUAGES.find((choice) => choice === language),
    theme: THEMES.find((choice) => choice === theme),
  };
}

/** Language and theme: a browser's, not a person's, so that they hold before the login, too. */
export function settingsRoutes(config: Config) {
  const app = new Hono<Env>();

  app.post('/', readBody({}), (c) => {
    const form = requireForm(c);
    const options = {
      path: config.prefix || '/',
      maxAge: YEAR,
      httpOnly: true,
      sameSite: 'Lax' as const,
      secure: config.publicUrl.startsWith('https:'),
    };
    const language = LANGUAGES.find((choice) => choice === form.get('language'));
    const theme = THEMES.find((choice) => choice === form.get('theme'));
    if (!language && !theme) throw new Problem(400, 'bad-request');
    if (language) sendCookie(c, 'language', language, options);
    if (theme) sendCookie(c, 'theme', theme, options);
    return c.redirect(backTo(c.req.header('Referer'), config), 303);
  });

  return app;
}

/** The page that the form was on, if it is one that can be opened; else the first. */
function backTo(referer: string | undefined, { publicUrl, prefix }: Config): string {
  const path = referer?.startsWith(publicUrl) ? referer.slice(publicUrl.length) : '/';
  // The prefix without its slash is the same page.
  if (path === '' || path.startsWith('?')) return `${prefix}/${path}`;
  return prefix + (/^\/(?:trash)?(?:\?[^#]*)?$/.test(path) ? path : '/');
}
