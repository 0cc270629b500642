import type { Session } from '../store/sessions.ts';
import type { Flight } from './flights.ts';
import type { SecurityEvent } from './log.ts';
import type { Compressor } from './negotiate.ts';
import type { PageContext } from './page-context.ts';

/** What the application uses of Node's `IncomingMessage`. */
export interface Incoming {
  url?: string;
  socket?: { remoteAddress?: string };
  /** whether all of the body has arrived */
  complete: boolean;
  /** bytes of the body that have arrived and are not read yet */
  readableLength: number;
  read(size: number): Uint8Array | null;
  iterator(options: { destroyOnReturn: boolean }): AsyncIterable<Uint8Array>;
}

/** The fields of a form post; a name has one value. */
export type Form = Map<string, string>;

/** What a request carries, for Hono's contexts. */
export interface Env {
  /** of the Node adapter; absent elsewhere */
  Bindings: {
    incoming?: Incoming;
    outgoing?: { once(event: 'close', listener: () => void): void };
  };
  Variables: {
    requestId: string;
    page: PageContext;
    compressor: Compressor;
    /** default headers of the response, whatever it will be */
    headers: Readonly<Record<string, string>>;
    /** `Set-Cookie` of the response */
    cookies?: string[];
    /** undefined: not logged in, or not looked up */
    session?: Session;
    /** the same behind `requireSession`: whose memos are asked for */
    reader: Session;
    /** the sessions of a request that has cookies of several, so that none counts */
    rivals?: Session[];
    /** counts the bytes that the request holds */
    flight: Flight;
    /** the posted form, so that no error loses a text in it */
    form?: Form;
    /** the posted JSON, not parsed yet */
    json?: Uint8Array;
    isHealthCheck?: true;
    /** for the log: a problem's code, or what Redis or Naver said */
    reason?: string;
    securityEvent?: SecurityEvent;
    /** the pseudonym of the person of the event, if that is not the session's */
    person?: string;
  };
}
