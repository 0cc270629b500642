/** What is the same on many pages, whoever reads them: rendered once, for each language and theme. */
import { html, raw } from 'hono/html';
import { type Frame, type Look, THEMES } from '../http/env.ts';
import { KEYS, LANGUAGE_NAMES, LANGUAGES } from '../i18n/index.ts';
import { NewMemoField } from './composer.tsx';
import { assetHref, href, SearchForm } from './layout.tsx';

export function renderFrame(site: Look): Frame {
  return {
    head: raw(<Head site={site} />),
    script: raw(<script type="module" src={assetHref(site, 'app.js')}></script>),
    skip: raw(<Skip site={site} />),
    brand: raw(<Brand site={site} />),
    logoutButton: raw(<LogoutButton site={site} />),
    search: raw(<SearchForm site={site} />),
    newMemo: raw(<NewMemoField site={site} autofocus />),
    places: raw(<Places site={site} />),
    settings: raw(<Settings site={site} />),
    keysButton: raw(<KeysButton site={site} />),
    keys: raw(<Keys site={site} />),
    messages: raw(html`${JSON.stringify(site.t.script)}`),
  };
}

function Head({ site }: { site: Look }) {
  return (
    <>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content={site.theme === 'auto' ? 'light dark' : site.theme} />
      <meta name="description" content={site.t.tagline} />
      <link rel="icon" href={assetHref(site, 'icon.svg')} type="image/svg+xml" />
      <link rel="apple-touch-icon" href={assetHref(site, 'icon.png')} />
      <link rel="stylesheet" href={assetHref(site, 'style.css')} />
    </>
  );
}

function Skip({ site }: { site: Look }) {
  return (
    <a class="skip" href="#main">
      {site.t.skip}
    </a>
  );
}

function Brand({ site }: { site: Look }) {
  return (
    <a class="brand" href={href(site, '/')} hx-swap="outerMorph show:top">
      {site.t.title}
    </a>
  );
}

function LogoutButton({ site }: { site: Look }) {
  return (
    <button class="quiet" type="submit">
      {site.t.logout}
    </button>
  );
}

function Places({ site }: { site: Look }) {
  const { t } = site;
  return (
    <>
      <a href={href(site, '/trash')} hx-swap="outerMorph show:top">
        {t.trash}
      </a>
      <a href={href(site, '/sessions')} hx-swap="outerMorph show:top">
        {t.sessions}
      </a>
    </>
  );
}

/** Language and theme, kept in cookies. */
function Settings({ site }: { site: Look }) {
  const { t, language, theme } = site;
  return (
    <form class="settings" method="post" action={href(site, '/settings')} hx-boost="false">
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

function KeysButton({ site }: { site: Look }) {
  return (
    <button class="quiet keys scripted" type="button" data-key="?">
      {site.t.keys}
    </button>
  );
}

/** What the keys do. */
function Keys({ site }: { site: Look }) {
  const { t } = site;
  return (
    <dialog id="keys" aria-labelledby="keys-title">
      <h2 id="keys-title">{t.keys}</h2>
      <dl>
        {KEYS.map(([name, ...keys]) => (
          <div>
            <dt>
              {keys.map((key) => (
                <kbd>{key}</kbd>
              ))}
            </dt>
            <dd>{t.keyNames[name]}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">{t.close}</button>
      </form>
    </dialog>
  );
}
