import { raw } from 'hono/html';
import type { Child, PropsWithChildren } from 'hono/jsx';
import type { PageContext, StaticContext } from '../http/page-context.ts';
import { QUERY_LENGTH } from '../memo/bounds.ts';
import { href } from './href.ts';
import { oncePerTheme } from './once-per-theme.ts';
import {
  Brand,
  HeadParts,
  Keys,
  KeysButton,
  LogoutButton,
  Script,
  Settings,
  SkipLink,
  scriptMessages,
} from './static-parts.tsx';

/** The person whose page it is. */
export interface Reader {
  /** undefined: Naver sent none */
  name?: string;
  /** see `pseudonymOf` */
  person: string;
}

/** The name of the reader on the page. */
export const nameOf = (page: PageContext, { name = page.t.member }: Reader) => name;

export interface LayoutProps {
  page: PageContext;
  title?: string;
  /** undefined: not logged in, or unknown */
  reader?: Reader;
  /** the search query */
  q?: string;
  /** what was just done; undefined: the notice on the page stays */
  notice?: Child;
}

/** The frame of every page. htmx gets only what changes: the title, the main part, and the notice. */
export function Layout(props: PropsWithChildren<LayoutProps>) {
  const { page, title, reader, notice, children } = props;
  const fullTitle = title ? `${title} · ${page.t.title}` : page.t.title;
  if (page.fragment) {
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
      <html lang={page.language} data-theme={page.theme === 'auto' ? undefined : page.theme}>
        <head>
          <HeadParts page={page} />
          <title>{fullTitle}</title>
          {reader && <Script page={page} />}
        </head>
        {reader ? <ReadersBody {...props} reader={reader} /> : <Body page={page}>{children}</Body>}
      </html>
    </>
  );
}

/** The notice, for htmx to put into the page. */
export function NoticePart({ children }: PropsWithChildren) {
  return (
    <hx-partial hx-target="#notice" hx-swap="innerHTML">
      {children}
    </hx-partial>
  );
}

/** The body without a login: no script. */
function Body({ page, children }: PropsWithChildren<{ page: PageContext }>) {
  return (
    <body>
      <SkipLink page={page} />
      <header class="bar">
        <Brand page={page} />
      </header>
      {children}
      <footer class="foot">
        <Settings page={page} />
      </footer>
    </body>
  );
}

/** The body of a logged-in person: account, search, and data for the script. */
function ReadersBody(props: PropsWithChildren<LayoutProps & { reader: Reader }>) {
  const { page, reader, q, notice, children } = props;
  return (
    <body
      hx-boost:inherited="target:'#main' swap:'outerMorph show:none'"
      data-person={reader.person}
      data-events={href(page, '/memo/events')}
      data-messages={scriptMessages({ page })}
    >
      <SkipLink page={page} />
      <header class="bar">
        <Brand page={page} />
        <form class="account" method="post" action={href(page, '/logout')} hx-boost="false">
          <span class="name">{nameOf(page, reader)}</span>
          <LogoutButton page={page} />
        </form>
      </header>
      {q === undefined ? <EmptySearch page={page} /> : <SearchForm page={page} q={q} />}
      {children}
      <div id="notice" role="status">
        {notice}
      </div>
      <footer class="foot">
        <Settings page={page} />
        <KeysButton page={page} />
      </footer>
      <Keys page={page} />
    </body>
  );
}

/** Searches when it is submitted, and with the script while the person types. */
export function SearchForm({ page, q }: { page: StaticContext; q?: string }) {
  const { t } = page;
  return (
    <search>
      <form
        class="search"
        method="get"
        action={href(page, '/')}
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
        <button type="submit">{t.searchButton}</button>
      </form>
    </search>
  );
}

const EmptySearch = oncePerTheme((page) => <SearchForm page={page} />);

/** The button of Naver's design guide: green, the white N, the label. */
export function LoginButton({ page, newTab = false }: { page: PageContext; newTab?: boolean }) {
  const { t } = page;
  return (
    <a
      class="naver"
      href={page.loginUrl}
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
