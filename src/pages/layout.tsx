import { raw } from 'hono/html';
import type { PropsWithChildren } from 'hono/jsx';
import { type Site, THEMES } from '../env.ts';
import { LANGUAGE_NAMES, LANGUAGES } from '../i18n.ts';

/** The address of a path of ours, behind the prefix. */
export const href = (site: Site, path: string) => site.prefix + path;

/** The address of a static file; its name changes with its content. */
export const assetHref = (site: Site, name: keyof Site['assets']) =>
  href(site, `/assets/${site.assets[name].file}`);

/** The frame of every page. */
export function Layout({
  site,
  title,
  children,
}: PropsWithChildren<{ site: Site; title?: string }>) {
  const { t } = site;
  return (
    <>
      {raw('<!DOCTYPE html>')}
      <html lang={site.language} data-theme={site.theme === 'auto' ? undefined : site.theme}>
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content={site.theme === 'auto' ? 'light dark' : site.theme} />
          <meta name="description" content={t.tagline} />
          <title>{title ? `${title} · ${t.title}` : t.title}</title>
          <link rel="icon" href={assetHref(site, 'icon.svg')} type="image/svg+xml" />
          <link rel="stylesheet" href={assetHref(site, 'style.css')} />
        </head>
        <body>
          <a class="skip" href="#main">
            {t.skip}
          </a>
          {children}
          <Settings site={site} />
        </body>
      </html>
    </>
  );
}

/** The bar at the top: the way home and, when logged in, who one is and the way out. */
export function Header({ site, name }: { site: Site; name?: string }) {
  const { t } = site;
  return (
    <header class="bar">
      <a class="brand" href={href(site, '/')}>
        {t.title}
      </a>
      {name !== undefined && (
        <form class="account" method="post" action={href(site, '/logout')}>
          <span class="name">{name}</span>
          <button class="quiet" type="submit">
            {t.logout}
          </button>
        </form>
      )}
    </header>
  );
}

/** Language and theme, kept in cookies. */
function Settings({ site }: { site: Site }) {
  const { t, language, theme } = site;
  return (
    <form class="settings" method="post" action={href(site, '/settings')}>
      <fieldset>
        <legend>{t.language}</legend>
        {LANGUAGES.map((choice) => (
          <button
            class="quiet"
            type="submit"
            name="language"
            value={choice}
            lang={choice}
            aria-pressed={choice === language ? 'true' : 'false'}
          >
            {LANGUAGE_NAMES[choice]}
          </button>
        ))}
      </fieldset>
      <fieldset>
        <legend>{t.theme}</legend>
        {THEMES.map((choice) => (
          <button
            class="quiet"
            type="submit"
            name="theme"
            value={choice}
            aria-pressed={choice === theme ? 'true' : 'false'}
          >
            {t.themes[choice]}
          </button>
        ))}
      </fieldset>
    </form>
  );
}

/** Naver's button as its design guide asks: green, the white N, the label. */
export function LoginButton({ site, newTab = false }: { site: Site; newTab?: boolean }) {
  const { t } = site;
  return (
    <a class="naver" href={site.loginUrl} {...(newTab && { target: '_blank', rel: 'noopener' })}>
      <svg viewBox="0 0 18 18" width="18" height="18" aria-hidden="true">
        <path fill="currentColor" d="M12.2 9.6 5.6 0H0v18h5.8V8.4l6.6 9.6H18V0h-5.8z" />
      </svg>
      <span>{newTab ? t.loginInNewTab : t.login}</span>
    </a>
  );
}
