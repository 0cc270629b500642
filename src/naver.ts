/**
 * The client of Naver's login API (네이버 로그인): OAuth 2.0 (RFC 6749) with deviations, such as errors with
 * status 200. Source: Naver's developer guide, "네이버 로그인 API 명세".
 */
import type { Config } from './config.ts';
import type { Person } from './memo/person.ts';
import { isRecord } from './memo/stored-memo.ts';

/** Why a login failed. */
export type NaverFailure =
  /** Naver is down, slow, or sends an unusable response: the person can try again later */
  | 'unavailable'
  /** the code was used or has expired: the person can log in again */
  | 'expired'
  /** Naver refuses the client id or secret: only the operator can fix it */
  | 'misconfigured';

/** A failed login. The message is for the log: it contains no secret and no token. */
export class NaverError extends Error {
  override name = 'NaverError';
  readonly failure: NaverFailure;
  constructor(failure: NaverFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export type Naver = ReturnType<typeof createNaver>;

/** Time limit of both requests together, in ms: a login takes no longer than 5 s. */
const TIME_LIMIT = 4500;
const SIZE_LIMIT = 64 * 1024; // bytes of a response
const NAME_LIMIT = 100; // code points

/**
 * Creates the client.
 * @param fetch sends the requests
 */
export function createNaver(config: Config, fetch: typeof globalThis.fetch) {
  const { clientId, clientSecret, authUrl, apiUrl } = config.naver;
  const redirectUri = `${config.publicUrl}/oauth2`;

  /** Requests a JSON object, with any status. @throws NaverError `unavailable` for anything else */
  async function request(
    url: string,
    init: RequestInit,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    try {
      // Following a redirect would send the secret or the token to another address.
      const response = await fetch(url, { ...init, redirect: 'error' });
      const body: unknown = JSON.parse(await readLimited(response));
      if (!isRecord(body)) throw new Error('not a JSON object');
      return { status: response.status, body };
    } catch (error) {
      throw new NaverError(
        'unavailable',
        `no usable answer from ${new URL(url).host} (${reasonOf(error)})`,
      );
    }
  }

  async function accessToken(code: string, state: string, signal: AbortSignal): Promise<string> {
    // In the body, because logs contain URLs, and the URL would contain the secret.
    const { status, body } = await request(`${authUrl}/oauth2.0/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: clientId,
        client_secret: clientSecret,
        code,
        state,
      }),
      signal,
    });
    // Naver sends errors with status 200, too.
    if (typeof body.error === 'string') {
      const aboutUs = /client/i.test(`${body.error} ${body.error_description}`);
      if (aboutUs) throw new NaverError('misconfigured', 'Naver refused the client id or secret');
      throw status >= 500
        ? new NaverError('unavailable', `token: status ${status}`)
        : new NaverError('expired', 'Naver refused the code');
    }
    const token = body.access_token;
    if (status !== 200 || typeof token !== 'string' || !/^[!-~]{1,4096}$/.test(token)) {
      throw new NaverError('unavailable', `token: status ${status} without a usable token`);
    }
    return token;
  }

  async function profile(token: string, signal: AbortSignal): Promise<Person> {
    const { status, body } = await request(`${apiUrl}/v1/nid/me`, {
      headers: { Authorization: `Bearer ${token}` },
      signal,
    });
    const response = (body.response ?? {}) as Record<string, unknown>;
    const id = response.id;
    // The id becomes part of Redis keys, so it must not contain their separator, a colon.
    const usable = typeof id === 'string' && /^[\w+/=.~-]{1,64}$/.test(id);
    if (status !== 200 || body.resultcode !== '00' || !usable) {
      throw new NaverError('unavailable', `profile: status ${status} without a usable id`);
    }
    return { id, name: readName(response.name) || readName(response.nickname) || '회원' };
  }

  return {
    /** The URL of Naver's login page. */
    authorizeUrl(state: string): string {
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        state,
      });
      return `${authUrl}/oauth2.0/authorize?${query}`;
    },

    /**
     * Finds out who has logged in. Takes 5 s at most.
     * @param code the code from Naver's redirect
     * @throws NaverError
     */
    async identify(code: string, state: string): Promise<Person> {
      const signal = AbortSignal.timeout(TIME_LIMIT);
      return profile(await accessToken(code, state, signal), signal);
    },
  };
}

/**
 * The reason of an error, for the log: the code of a network or TLS error, else the error's name. Never
 * the message, which may quote the response, which may contain a token.
 */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const code = isRecord(error.cause) ? error.cause.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]+$/.test(code) ? code : error.name;
}

/**
 * A name that can be displayed, empty if there is none: trimmed, at most NAME_LIMIT code points,
 * without control characters except joiners, which emoji and some scripts need.
 */
function readName(value: unknown): string {
  const name =
    typeof value === 'string' ? value.replace(/(?![\u200c\u200d])\p{C}/gu, '').trim() : '';
  return [...name].slice(0, NAME_LIMIT).join('');
}

/** Reads a UTF-8 text. @throws RangeError beyond SIZE_LIMIT, TypeError if it is no UTF-8 */
async function readLimited(response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > SIZE_LIMIT) throw new RangeError('the answer is too large');
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
