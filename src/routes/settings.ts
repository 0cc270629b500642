import { Hono } from 'hono';
import type { Config } from '../config.ts';
import { requireForm } from '../http/body.ts';
import { cookieOptions, sendCookie } from '../http/cookies.ts';
import type { Env } from '../http/env.ts';
import { THEMES } from '../http/page-context.ts';
import { Problem } from '../http/problem.ts';
import { redirect } from '../http/respond.ts';
import { LANGUAGES } from '../i18n/index.ts';
import { readBody } from '../middleware/read-body.ts';

const YEAR = 365 * 24 * 60 * 60; // seconds

/** Language and theme. Cookies of the browser, so that they also apply before the login. */
export function settingsRoutes(config: Config) {
  const app = new Hono<Env>();

  // Sets language, theme or both, and goes back to the page of the form.
  app.post('/', readBody({}), (c) => {
    const form = requireForm(c);
    const options = { ...cookieOptions(config), maxAge: YEAR };
    const language = LANGUAGES.find((choice) => choice === form.get('language'));
    const theme = THEMES.find((choice) => choice === form.get('theme'));
    if (!language && !theme) throw new Problem('bad-request');
    if (language) sendCookie(c, 'language', language, options);
    if (theme) sendCookie(c, 'theme', theme, options);
    return redirect(c, backTo(c.req.header('Referer'), config), 303);
  });

  return app;
}

/** The page of the form, if it is the memos or the trash; else the memos. Never another site's. */
function backTo(referer: string | undefined, { publicUrl, prefix }: Config): string {
  const path = referer?.startsWith(publicUrl) ? referer.slice(publicUrl.length) : '/';
  // The prefix without a slash is the page of memos, too.
  if (path === '' || path.startsWith('?')) return `${prefix}/${path}`;
  return prefix + (/^\/(?:trash)?(?:\?[^#]*)?$/.test(path) ? path : '/');
}
