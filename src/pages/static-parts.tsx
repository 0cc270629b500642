/** The parts of pages that depend on language and theme only. */
import { html } from 'hono/html';
import { THEMES } from '../http/page-context.ts';
import { LANGUAGE_NAMES, LANGUAGES } from '../i18n/index.ts';
import type { Messages } from '../i18n/ko.ts';
import { assetHref, href } from './href.ts';
import { oncePerTheme } from './once-per-theme.ts';

export const HeadParts = oncePerTheme((page) => (
  <>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content={page.theme === 'auto' ? 'light dark' : page.theme} />
    <meta name="description" content={page.t.tagline} />
    <link rel="icon" href={assetHref(page, 'icon.svg')} type="image/svg+xml" />
    <link rel="apple-touch-icon" href={assetHref(page, 'icon.png')} />
    <link rel="stylesheet" href={assetHref(page, 'style.css')} />
  </>
));

export const Script = oncePerTheme((page) => (
  <script type="module" src={assetHref(page, 'app.js')}></script>
));

/** The texts of the script, as JSON for an attribute. */
export const scriptMessages = oncePerTheme((page) => html`${JSON.stringify(page.t.script)}`);

export const SkipLink = oncePerTheme((page) => (
  <a class="skip" href="#main">
    {page.t.skip}
  </a>
));

export const Brand = oncePerTheme((page) => (
  <a class="brand" href={href(page, '/')} hx-swap="outerMorph show:top">
    {page.t.title}
  </a>
));

export const LogoutButton = oncePerTheme((page) => <button type="submit">{page.t.logout}</button>);

/** Links to the person's other pages. */
export const Places = oncePerTheme((page) => {
  const { t } = page;
  return (
    <>
      <a href={href(page, '/trash')} hx-swap="outerMorph show:top">
        {t.trash}
      </a>
      <a href={href(page, '/sessions')} hx-swap="outerMorph show:top">
        {t.sessions}
      </a>
    </>
  );
});

/** The form for language and theme. */
export const Settings = oncePerTheme((page) => {
  const { t, language, theme } = page;
  return (
    <form class="settings" method="post" action={href(page, '/settings')} hx-boost="false">
      <fieldset>
        <legend>{t.language}</legend>
        {LANGUAGES.map((choice) => (
          <button
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
});

export const KeysButton = oncePerTheme((page) => (
  <button class="keys scripted" type="button" data-action="keys">
    {page.t.keys}
  </button>
));

/** The keyboard shortcuts that `Keys` lists; client/keys.ts implements them. */
const KEYS: [name: keyof Messages['keyNames'], ...keys: string[]][] = [
  ['search', '/'],
  ['new', 'n'],
  ['move', 'j', 'k'],
  ['edit', 'e'],
  ['remove', 'x'],
  ['pin', 'p'],
  ['copy', 'c'],
  ['undo', 'u'],
  ['save', 'Ctrl+Enter'],
  ['cancel', 'Esc'],
  ['help', '?'],
];

/** The dialog that lists the keyboard shortcuts. */
export const Keys = oncePerTheme((page) => {
  const { t } = page;
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
        <button class="primary" type="submit">
          {t.close}
        </button>
      </form>
    </dialog>
  );
});
