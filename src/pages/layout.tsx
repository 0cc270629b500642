import { raw } from 'hono/html';
import type { Child, PropsWithChildren } from 'hono/jsx';
import type { Look, Site } from '../http/env.ts';
import { QUERY_LENGTH } from '../memo/bounds.ts';

/** The address of a path of ours, behind the prefix. */
export const href = (site: Look, path: string) => site.prefix + path;

/** The address of a static file; its name changes with its content. */
export const assetHref = (site: Look, name: keyof Look['assets']) =>
  href(site, `/assets/${site.assets[name].file}`);

/** Whose page it is. */
export interface Reader {
  name: string;
  /** see `pseudonymOf` */
  person: string;
}

export interface LayoutProps {
  site: Site;
  title?: string;
  /** undefined: whoever is not logged in, or nobody knows */
  reader?: Reader | undefined;
  /** what is searched for */
  q?: string | undefined;
  /** what is said about what was just done; undefined: what was said stands */
  notice?: Child;
}

/**
 * The frame of every page. htmx gets only what changes: the title, the main part, and the notice.
 */
export function Layout(props: PropsWithChildren<LayoutProps>) {
  const { site, title, reader, notice, children } = props;
  const fullTitle = title ? `${title} · ${site.t.title}` : site.t.title;
  if (site.fragment) {
    return (
      <>
        <title>{fullTitle}</title>
        {children}
        {notice !== undefined && <NoticePart>{notice}</NoticePart>}
      </>
    );
  }
  return (
    <>
      {raw('<!DOCTYPE html>')}
      <html lang={site.language} data-theme={site.theme === 'auto' ? undefined : site.theme}>
        <head>
          {site.frame.head}
          <title>{fullTitle}</title>
          {reader && site.frame.script}
        </head>
        {reader ? <ReadersBody {...props} reader={reader} /> : <Body site={site}>{children}</Body>}
      </html>
    </>
  );
}

/** What is said, for a page that htmx has already. */
export function NoticePart({ children }: PropsWithChildren) {
  return (
    <hx-partial hx-target="#notice" hx-swap="innerHTML">
      {children}
    </hx-partial>
  );
}

/** Of whoever is not logged in: no script. */
function Body({ site, children }: PropsWithChildren<{ site: Site }>) {
  return (
    <body>
      {site.frame.skip}
      <header class="bar">{site.frame.brand}</header>
      {children}
      <footer class="foot">{site.frame.settings}</footer>
    </body>
  );
}

/** With the bar, the search, and what the script needs to know. */
function ReadersBody(props: PropsWithChildren<LayoutProps & { reader: Reader }>) {
  const { site, reader, q, notice, children } = props;
  return (
    <body
      hx-boost:inherited="target:'#main' swap:'outerMorph show:none'"
      data-person={reader.person}
      data-events={href(site, '/memo/events')}
      data-messages={site.frame.messages}
    >
      {site.frame.skip}
      <header class="bar">
        {site.frame.brand}
        <form class="account" method="post" action={href(site, '/logout')} hx-boost="false">
          <span class="name">{reader.name}</span>
          {site.frame.logoutButton}
        </form>
      </header>
      {q === undefined ? site.frame.search : <SearchForm site={site} q={q} />}
      {children}
      <div id="notice" role="status">
        {notice}
      </div>
      <footer class="foot">
        {site.frame.settings}
        {site.frame.keysButton}
      </footer>
      {site.frame.keys}
    </body>
  );
}

/** Searches when it is sent, and with the script as one types. */
export function SearchForm({ site, q }: { site: Look; q?: string | undefined }) {
  const { t } = site;
  return (
    <search>
      <form
        class="search"
        method="get"
        action={href(site, '/')}
        hx-trigger="submit, input changed delay:100ms"
        hx-sync="this:replace"
      >
        <input
          type="search"
          name="q"
          value={q}
          aria-label={t.search}
          placeholder={t.search}
          maxlength={QUERY_LENGTH}
          enterkeyhint="search"
          autocomplete="off"
        />
        <button class="quiet" type="submit">
          {t.searchButton}
        </button>
      </form>
    </search>
  );
}

/** Naver's button as its design guide asks: green, the white N, the label. */
export function LoginButton({ site, newTab = false }: { site: Site; newTab?: boolean }) {
  const { t } = site;
  return (
    <a
      class="naver"
      href={site.loginUrl}
      hx-boost="false"
      {...(newTab && { target: '_blank', rel: 'noopener' })}
    >
      <svg viewBox="0 0 18 18" width="18" height="18" aria-hidden="true">
        <path fill="currentColor" d="M12.2 9.6 5.6 0H0v18h5.8V8.4l6.6 9.6H18V0h-5.8z" />
      </svg>
      <span>{newTab ? t.loginInNewTab : t.login}</span>
    </a>
  );
}
