import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type RedisFailure, readRedisFailure } from '../store/redis-errors.ts';

/** The ways in which a request can fail: codes of `problem+json` and their HTTP status. */
export const PROBLEMS = {
  'bad-request': 400,
  'bad-path': 400,
  'bad-key': 400,
  'not-json': 400,
  'text-missing': 400,
  'text-blank': 400,
  'text-too-long': 400,
  'text-invalid': 400,
  'nothing-to-change': 400,
  'login-expired': 400,
  'logged-out': 401,
  'cross-site': 403,
  'login-refused': 403,
  'not-found': 404,
  'memo-deleted': 404,
  'method-not-allowed': 405,
  repeated: 409,
  'not-a-task': 409,
  'other-person': 409,
  'too-many-pins': 409,
  changed: 412,
  'task-changed': 412,
  'too-large': 413,
  'unsupported-type': 415,
  'key-reused': 422,
  'too-many': 429,
  internal: 500,
  'naver-misconfigured': 502,
  /** 429 if one person alone has too many requests */
  busy: 503,
  'naver-unavailable': 503,
  'storage-down': 503,
  'person-full': 507,
  'storage-full': 507,
} satisfies Record<string, ContentfulStatusCode>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface ProblemOptions {
  /** instead of the code's own */
  status?: ContentfulStatusCode;
  /** headers of the response, e.g. `Allow` */
  headers?: Record<string, string>;
  /** seconds: `Retry-After` */
  retryAfter?: number;
  /** the memo as it is now (stored JSON), if the request conflicts with it */
  memo?: string;
  /** the error of Redis or Naver, for the log */
  cause?: Error;
}

/** A request that fails: shown as a notice, as a page, or as `problem+json` (RFC 9457). */
export class Problem extends Error {
  override name = 'Problem';
  readonly code: ProblemCode;
  readonly status: ContentfulStatusCode;
  readonly headers: Record<string, string>;
  readonly memo: string | undefined;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    const { status, headers, retryAfter, memo, cause } = options;
    super(code, { cause });
    this.code = code;
    this.status = status ?? PROBLEMS[code];
    this.headers = {
      ...headers,
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
    };
    this.memo = memo;
  }
}

/** Too many requests of one person (429) or of all (503): the client may retry in a second. */
export const busy = (status: 429 | 503) => new Problem('busy', { status, retryAfter: 1 });

const REDIS_PROBLEMS = {
  full: ['storage-full'],
  down: ['storage-down', 2],
  slow: ['busy', 2],
} satisfies Record<RedisFailure, [ProblemCode, retryAfter?: number]>;

/** Turns any thrown value into a problem; an unexpected error is `internal`. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const failure = readRedisFailure(cause);
  if (!failure) return new Problem('internal', { cause });
  const [code, retryAfter] = REDIS_PROBLEMS[failure];
  return new Problem(code, { retryAfter, cause });
}
