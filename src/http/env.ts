import type { HtmlEscapedString } from 'hono/utils/html';
import type { Config } from '../config.ts';
import type { Language, Messages } from '../i18n/index.ts';
import type { Form } from '../middleware/body.ts';
import type { Naver } from '../naver.ts';
import type { Events } from '../store/changes.ts';
import type { MemoStore } from '../store/memos.ts';
import type { RateLimiter } from '../store/rate-limits.ts';
import type { Session, SessionStore } from '../store/sessions.ts';
import type { Assets } from './assets.ts';
import type { Flight, Flights } from './flights.ts';
import type { Coding } from './negotiate.ts';
import type { Searches } from './searches.ts';

/** Where the application writes what happened: pino has this shape. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Compresses what is made for one request, so quickly rather than well. */
export interface Compressor {
  /** those that it can, the preferred one first */
  codings: readonly Coding[];
  compress(
    body: Uint8Array<ArrayBuffer>,
    coding: Coding,
  ): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
}

/** Everything that the application is made of; whoever calls `createApp` owns it. */
export interface Dependencies {
  config: Config;
  memos: MemoStore;
  events: Events;
  limiter: RateLimiter;
  sessions: SessionStore;
  naver: Naver;
  flights: Flights;
  searches: Searches;
  assets: Assets;
  compressor: Compressor;
  log: Log;
  /** resolves when Redis can be read and written */
  checkStorage: () => Promise<unknown>;
  /** what the operator has to know about a Redis that can be used, in a sentence */
  storageWarning: () => string | undefined;
  /** aborted when the server is about to stop: it is not ready any more, and closes connections */
  shutdown: AbortSignal;
}

/** Dark and light by the device's setting, or always one of them. */
export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** How pages look, whoever asks. */
export interface Look {
  language: Language;
  t: Messages;
  theme: Theme;
  /** in front of every path of ours, see `Config.prefix` */
  prefix: string;
  /** absolute, so that a login ends on the host where it began (localhost, not 127.0.0.1) */
  loginUrl: string;
  assets: Assets;
}

/** The parts of pages that only their look decides, as HTML. */
export interface Frame {
  head: HtmlEscapedString;
  script: HtmlEscapedString;
  skip: HtmlEscapedString;
  brand: HtmlEscapedString;
  logoutButton: HtmlEscapedString;
  /** the form for searching, with nothing in it */
  search: HtmlEscapedString;
  /** the field of a new memo and its button */
  newMemo: HtmlEscapedString;
  /** links to a person's other pages */
  places: HtmlEscapedString;
  settings: HtmlEscapedString;
  keysButton: HtmlEscapedString;
  keys: HtmlEscapedString;
  /** JSON, for an attribute: what the script says */
  messages: HtmlEscapedString;
}

/** What every page needs besides its own content. */
export interface Site extends Look {
  frame: Frame;
  /** when the request came, in ms */
  now: number;
  /** whether htmx asks: it gets the part of the page that changes (https://four.htmx.org) */
  fragment: boolean;
  /** the request's own path as the browser sees it */
  path: string;
}

export type SecurityEvent =
  | 'login'
  /** a callback of Naver's was opened once more: nobody was logged in by it */
  | 'login-repeated'
  | 'logout'
  /** one was ended from the list of sessions */
  | 'session-ended'
  | 'sessions-ended';

/** What the application uses of Node's `IncomingMessage`. */
export interface Incoming {
  url?: string;
  socket?: { remoteAddress?: string };
  /** whether all of the body has come */
  complete: boolean;
  /** bytes that have come of the body, and are not read yet */
  readableLength: number;
  read(size: number): Uint8Array | null;
  iterator(options: { destroyOnReturn: boolean }): AsyncIterable<Uint8Array>;
}

/** Hono's types for our contexts. */
export interface Env {
  /** of the Node adapter; absent elsewhere */
  Bindings: {
    incoming?: Incoming;
    outgoing?: { once(event: 'close', listener: () => void): void };
  };
  Variables: {
    requestId: string;
    site: Site;
    compressor: Compressor;
    /** of the answer, whatever it is going to be */
    headers: Record<string, string>;
    /** `Set-Cookie` of the answer */
    cookies: string[] | undefined;
    /** the answer that has them already */
    complete: Response | undefined;
    /** set by the session middleware */
    session: Session | undefined;
    /** the sessions of a request that came with cookies of more than one, so that none counts */
    rivals: Session[] | undefined;
    /** counts what the request holds */
    flight: Flight;
    /** what was posted by a form, so that no error loses it */
    form: Form | undefined;
    /** what was posted as JSON, not parsed yet */
    json: Uint8Array | undefined;
    /** a health check, for the log */
    isHealthCheck: true | undefined;
    /** why the request was refused or failed, for the log: a problem's code, or what Redis or Naver said */
    reason: string | undefined;
    /** what became of somebody's login, for the log */
    event: SecurityEvent | undefined;
    /** the pseudonym of whom the event is about, if that is not who has the session */
    person: string | undefined;
  };
}
