/**
 * The client of Naver's login API (네이버 로그인, OAuth 2.0 with Naver's habits).
 * Source: Naver's developer guide, "네이버 로그인 API 명세".
 */
import type { Config } from './config.ts';
import type { Person } from './memo/person.ts';

/** Why a login did not come about. */
export type NaverFailure =
  /** Naver is down, slow, or answers what cannot be understood: later */
  | 'unavailable'
  /** the code is used up or expired: log in once more */
  | 'expired'
  /** Naver does not accept our credentials: only the operator can help */
  | 'misconfigured';

export class NaverError extends Error {
  override name = 'NaverError';
  readonly failure: NaverFailure;
  constructor(failure: NaverFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export type Naver = ReturnType<typeof createNaver>;

/** For both calls together, in ms: whoever waits for a login waits no longer than 5 s. */
const TIME_LIMIT = 4500;
const SIZE_LIMIT = 64 * 1024; // bytes of an answer
const NAME_LIMIT = 100; // code points

/** @param fetch sends the requests; everything else is this client's */
export function createNaver(config: Config, fetch: typeof globalThis.fetch) {
  const { clientId, clientSecret, authUrl, apiUrl } = config.naver;
  const redirectUri = `${config.publicUrl}/oauth2`;

  /** A JSON object from Naver, whatever the status; anything else is `unavailable`. */
  async function request(
    url: string,
    init: RequestInit,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    try {
      // A redirect would carry the secret or the token to wherever it points.
      const response = await fetch(url, { ...init, redirect: 'error' });
      const body: unknown = JSON.parse(await readLimited(response));
      if (typeof body !== 'object' || body === null) throw new Error('not a JSON object');
      return { status: response.status, body: body as Record<string, unknown> };
    } catch (error) {
      throw new NaverError(
        'unavailable',
        `no usable answer from ${new URL(url).host} (${reasonOf(error)})`,
      );
    }
  }

  async function accessToken(code: string, state: string, signal: AbortSignal): Promise<string> {
    // In the body: an address with the secret in it would end up in logs.
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
    // Errors come with status 200, too.
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
    // The id becomes part of Redis keys: nothing that separates them, such as a colon.
    const usable = typeof id === 'string' && /^[\w+/=.~-]{1,64}$/.test(id);
    if (status !== 200 || body.resultcode !== '00' || !usable) {
      throw new NaverError('unavailable', `profile: status ${status} without a usable id`);
    }
    return { id, name: readName(response.name) || readName(response.nickname) || '회원' };
  }

  return {
    /** Where the browser is sent to log in. */
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
     * Who has logged in, for the code that Naver sent with the redirect. Ends within 5 s.
     * @throws NaverError
     */
    async identify(code: string, state: string): Promise<Person> {
      const signal = AbortSignal.timeout(TIME_LIMIT);
      return profile(await accessToken(code, state, signal), signal);
    },
  };
}

/**
 * What is behind an error, for the log: the code of the network or of TLS, if there is one, else the
 * error's name. Never its message, which may quote the answer, and that may hold a token.
 */
function reasonOf(error: unknown): string {
  const { name = 'unknown', cause } = Object(error) as { name?: string; cause?: unknown };
  const { code } = Object(cause) as { code?: unknown };
  return typeof code === 'string' && /^[A-Z0-9_]+$/.test(code) ? code : name;
}

/**
 * A name that can be shown: no control characters (but joiners, which emoji and some scripts need),
 * no blank ends, not endless. Empty: none.
 */
function readName(value: unknown): string {
  const name =
    typeof value === 'string' ? value.replace(/(?![\u200c\u200d])\p{C}/gu, '').trim() : '';
  return [...name].slice(0, NAME_LIMIT).join('');
}

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
