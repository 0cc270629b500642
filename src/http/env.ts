import type { Session } from '../store/sessions.ts';
import type { Flight } from './flights.ts';
import type { SecurityEvent } from './log.ts';
import type { Compressor } from './negotiate.ts';
import type { PageContext } from './page-context.ts';

/** The part of Node's `IncomingMessage` that the application uses. */
export interface Incoming {
  url?: string;
  socket?: { remoteAddress?: string };
  /** whether all of the body has arrived */
  complete: boolean;
  /** bytes of the body that have arrived and have not been read */
  readableLength: number;
  read(size: number): Uint8Array | null;
  iterator(options: { destroyOnReturn: boolean }): AsyncIterable<Uint8Array>;
}

/** The fields of a posted form, one value a name. */
export type Form = Map<string, string>;

/** The bindings and variables of a request's context. */
export interface Env {
  /** set by the Node adapter; missing without it, as in `app.request` */
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
    /** the same session, in routes that have looked whether there is one */
    reader: Session;
    /** the sessions of a request that has cookies of several, of which none is used */
    rivals?: Session[];
    /** counts the bytes that are held for the request */
    flight: Flight;
    /** the posted form; error pages return its text */
    form?: Form;
    /** the posted JSON, not parsed */
    json?: Uint8Array;
    isHealthCheck?: true;
    /** for the log: the problem's code, or the error message of Redis or Naver */
    reason?: string;
    securityEvent?: SecurityEvent;
    /** for the log: the person's pseudonym, if it is not the session's (at login) */
    person?: string;
  };
}
