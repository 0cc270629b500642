import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ProblemCode } from './i18n.ts';
import { NaverError } from './naver.ts';

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

const NAVER_PROBLEMS = {
  unavailable: () => new Problem(503, 'naver-unavailable', { headers: { 'Retry-After': '60' } }),
  expired: () => new Problem(400, 'login-expired'),
  misconfigured: () => new Problem(502, 'naver-misconfigured'),
};

/** Redis's error codes for states that pass without anybody touching the data. */
const PASSING =
  /^(MISCONF|READONLY|LOADING|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|NOAUTH|WRONGPASS|NOPERM)\b/;

/** What ioredis says when there is no connection, or no answer in time. */
const DISCONNECTED =
  /^(Connection is closed|Command timed out|Command aborted|Stream isn't writeable|Cluster isn't ready|None of startup nodes|Failed to refresh slots|Too many Cluster redirections|Reached the max retries)/;

/** Turns whatever was thrown into a problem; what nobody foresaw is `internal`. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof NaverError) return NAVER_PROBLEMS[error.failure]();
  if (error instanceof Error) {
    if (error.name === 'ReplyError' && error.message.startsWith('OOM')) {
      return new Problem(507, 'storage-full');
    }
    const passing = error.name === 'ReplyError' ? PASSING : DISCONNECTED;
    if (passing.test(error.message) || error.name === 'ClusterAllFailedError') {
      return new Problem(503, 'storage-down', RETRY_SOON);
    }
  }
  return new Problem(500, 'internal');
}
