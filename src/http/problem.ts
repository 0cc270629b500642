import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ProblemCode } from '../i18n/index.ts';
import { NaverError } from '../naver.ts';

/** A request that cannot be answered as asked. It is shown as a page or as `problem+json` (RFC 9457). */
export class Problem extends Error {
  override name = 'Problem';
  readonly status: ContentfulStatusCode;
  readonly code: ProblemCode;
  /** of the answer, e.g. `Allow` or `Retry-After` */
  readonly headers: Record<string, string>;
  /** the present memo, stored JSON, when it is what stands in the way */
  readonly memo: string | undefined;

  constructor(
    status: ContentfulStatusCode,
    code: ProblemCode,
    { headers = {}, memo }: { headers?: Record<string, string>; memo?: string } = {},
  ) {
    super(code);
    this.status = status;
    this.code = code;
    this.headers = headers;
    this.memo = memo;
  }
}

const RETRY_SOON = { headers: { 'Retry-After': '2' } }; // seconds

/** There is too much to do, for this person (429) or for anybody (503): in a second there is not. */
export const busy = (status: 429 | 503) =>
  new Problem(status, 'busy', { headers: { 'Retry-After': '1' } });

const NAVER_PROBLEMS = {
  unavailable: () => new Problem(503, 'naver-unavailable', { headers: { 'Retry-After': '60' } }),
  expired: () => new Problem(400, 'login-expired'),
  misconfigured: () => new Problem(502, 'naver-misconfigured'),
};

/** The code in front of a Redis error; up to Redis 6, a script's has a sentence in front of it. */
const REDIS_CODE = /^(?:ERR Error (?:running|compiling) script.*? -)?([A-Z]+)\b/;

/** Redis's error codes for states that pass without anybody touching the data. */
const PASSING = [
  'MISCONF',
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'NOREPLICAS',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'BUSY',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
];

/** What ioredis says when there is no connection, or no answer in time. */
const DISCONNECTED = new RegExp(
  [
    '^(MaxRetriesPerRequestError|AbortError|ClusterAllFailedError):',
    'Connection is closed',
    'Command timed out',
    "Stream isn't writeable",
    "Cluster isn't ready",
    'Cluster is disconnect',
    'Node is disconnected',
    'None of startup nodes',
    'Too many Cluster redirections',
  ].join('|'),
);

/** What is said of a reply that comes, but too slowly: the server itself is too busy. */
export const TOO_SLOW = 'Replies are read too slowly';

/** Turns whatever was thrown into a problem; what nobody foresaw is `internal`. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof NaverError) return NAVER_PROBLEMS[error.failure]();
  if (error instanceof Error) {
    const code = error.name === 'ReplyError' ? (REDIS_CODE.exec(error.message)?.[1] ?? '') : '';
    if (error.message === TOO_SLOW) return new Problem(503, 'busy', RETRY_SOON);
    if (code === 'OOM') return new Problem(507, 'storage-full');
    if (PASSING.includes(code) || DISCONNECTED.test(`${error.name}: ${error.message}`)) {
      return new Problem(503, 'storage-down', RETRY_SOON);
    }
  }
  return new Problem(500, 'internal');
}
