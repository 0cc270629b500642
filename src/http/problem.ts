import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type RedisFailure, readRedisFailure } from '../store/redis-errors.ts';

/** Every way in which a request can fail: the code of `problem+json`, and its status. */
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
  /** 429 where it is one person who asks for too much */
  busy: 503,
  'naver-unavailable': 503,
  'storage-down': 503,
  'person-full': 507,
  'storage-full': 507,
} satisfies Record<string, ContentfulStatusCode>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface ProblemOptions {
  /** another one than the code's own */
  status?: ContentfulStatusCode;
  /** of the response, e.g. `Allow` */
  headers?: Record<string, string>;
  /** seconds: `Retry-After` */
  retryAfter?: number;
  /** the present memo, stored JSON, when it is what stands in the way */
  memo?: string;
  /** what Redis or Naver said; for the log */
  cause?: Error;
}

/** A request that cannot be done as asked: shown as a page, or as `problem+json` (RFC 9457). */
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

/** Too much is asked for, by one person (429) or by all (503): in a second there may be room. */
export const busy = (status: 429 | 503) => new Problem('busy', { status, retryAfter: 1 });

const REDIS_PROBLEMS = {
  full: ['storage-full'],
  down: ['storage-down', 2],
  slow: ['busy', 2],
} satisfies Record<RedisFailure, [ProblemCode, retryAfter?: number]>;

/** Turns whatever was thrown into a problem; an unforeseen error is `internal`. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const failure = readRedisFailure(cause);
  if (!failure) return new Problem('internal', { cause });
  const [code, retryAfter] = REDIS_PROBLEMS[failure];
  return new Problem(code, { retryAfter, cause });
}
