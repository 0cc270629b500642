/** The application's log. A pino logger is one. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a request did to a session, for its line in the log. */
export type SecurityEvent =
  | 'login'
  /** Naver's callback was opened again, which logs nobody in */
  | 'login-repeated'
  | 'logout'
  /** one session was ended from the list of sessions */
  | 'session-ended'
  | 'sessions-ended';
