/** The application's log; pino has this shape. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a request did to a login, for its line in the log. */
export type SecurityEvent =
  | 'login'
  /** a callback of Naver's was opened again: it logged nobody in */
  | 'login-repeated'
  | 'logout'
  /** one session was ended from the list of sessions */
  | 'session-ended'
  | 'sessions-ended';
