import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Misbehaviour, type NaverStandIn, startNaverStandIn } from '../scripts/naver.ts';
import { readConfig } from './config.ts';
import { createNaver, NaverError, type NaverFailure } from './naver.ts';

const PUBLIC_URL = 'http://localhost:8000/memo';
const CALLBACK = `${PUBLIC_URL}/oauth2`;
const SECRET = 'the+secret/that=nobody&sees';

const standIns: NaverStandIn[] = [];

async function startNaver(): Promise<NaverStandIn> {
  const naver = await startNaverStandIn({ callbackUrls: [CALLBACK], clientSecret: SECRET });
  standIns.push(naver);
  return naver;
}

let naver: NaverStandIn;

beforeAll(async () => {
  naver = await startNaver();
});

beforeEach(() => {
  for (const endpoint of ['token', 'profile'] as const) naver.misbehave(endpoint, 'ok');
  naver.answerTokenWith(undefined);
  naver.answerProfileWith(undefined);
});

afterAll(async () => {
  await Promise.all(standIns.map((standIn) => standIn.close()));
});

interface Origins {
  authUrl?: string;
  apiUrl?: string;
  clientSecret?: string;
  fetch?: typeof globalThis.fetch;
}

/** A client of the stand-in, or of other origins. */
function createClient(standIn: NaverStandIn, origins: Origins = {}) {
  const config = readConfig({
    PUBLIC_URL,
    REDIS_URL: 'redis://127.0.0.1',
    NAVER_CLIENT_ID: standIn.clientId,
    NAVER_CLIENT_SECRET: origins.clientSecret ?? standIn.clientSecret,
    NAVER_AUTH_URL: origins.authUrl ?? standIn.url,
    NAVER_API_URL: origins.apiUrl ?? standIn.url,
  });
  return createNaver(config, origins.fetch ?? fetch);
}

const AGREED = { decision: 'agree', name: '김메모', share: 'on', share_nickname: 'on' };

/** The code that the stand-in's consent page returns to a person who agrees. */
async function obtainCode(standIn = naver, fields: Record<string, string> = AGREED) {
  const answer = await fetch(`${standIn.url}/oauth2.0/consent`, {
    method: 'POST',
    body: new URLSearchParams({
      client_id: standIn.clientId,
      redirect_uri: CALLBACK,
      state: 's',
      ...fields,
    }),
    redirect: 'manual',
  });
  return new URL(answer.headers.get('Location')!).searchParams.get('code')!;
}

const identify = async (fields?: Record<string, string>) =>
  createClient(naver).identify(await obtainCode(naver, fields), 's');

/** The failure of a login that has to fail, and its message for the log, which must contain no secret. */
async function failureOf(login: Promise<unknown>): Promise<{ failure: string; message: string }> {
  const error = await login.then(
    (user) => new Error(`it gave ${JSON.stringify(user)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof NaverError)) throw error;
  const { failure, message } = error;
  expect(message).not.toContain(SECRET);
  expect(message).not.toContain('AAAA');
  expect(message).not.toMatch(/[\r\n]/);
  return { failure, message };
}

/** Expects that the login fails with `failure` for each of these responses of an endpoint. */
async function expectFailures(
  endpoint: 'token' | 'profile',
  failure: NaverFailure,
  answers: unknown[],
) {
  for (const answer of answers) {
    if (endpoint === 'token') naver.answerTokenWith(answer);
    else naver.answerProfileWith(answer);
    const outcome = await failureOf(identify());
    expect(outcome.failure, JSON.stringify(answer)).toBe(failure);
  }
}

const profileOf = (response: unknown) => ({ resultcode: '00', message: 'success', response });

describe('the URL of the login page', () => {
  test('is Naver’s, with the registered callback and the state', async () => {
    const url = new URL(createClient(naver).authorizeUrl('the-state'));
    expect(url.origin + url.pathname).toBe(`${naver.url}/oauth2.0/authorize`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: naver.clientId,
      redirect_uri: CALLBACK,
      state: 'the-state',
    });
    expect((await fetch(url)).status).toBe(200);
  });
});

describe('a login', () => {
  test('identifies the person with one request to each endpoint', async () => {
    const { token, profile } = naver.calls;
    const user = await identify();
    expect(user).toEqual({ id: expect.stringMatching(/^[\w-]{43}$/), name: '김메모' });
    expect(naver.calls).toMatchObject({ token: token + 1, profile: profile + 1 });
    expect(await identify()).toEqual(user);
  });

  test('sends no secret, code or token in a URL, which would be logged', async () => {
    const sent: { url: string; init: RequestInit }[] = [];
    const code = await obtainCode();
    const client = createClient(naver, {
      fetch: (url, init) => {
        sent.push({ url: String(url), init: init! });
        return fetch(url, init);
      },
    });
    await client.identify(code, 'the-state');

    expect(sent.map(({ url }) => url)).toEqual([
      `${naver.url}/oauth2.0/token`,
      `${naver.url}/v1/nid/me`,
    ]);
    const [token, profile] = sent.map(({ init }) => init);
    expect(token!.method).toBe('POST');
    expect(Object.fromEntries(new URLSearchParams(String(token!.body)))).toEqual({
      grant_type: 'authorization_code',
      client_id: naver.clientId,
      client_secret: SECRET,
      code,
      state: 'the-state',
    });
    expect(JSON.stringify(token!.headers ?? {})).not.toContain(SECRET);
    expect(profile!.body).toBeUndefined();
    // The token has characters that URL encoding would change.
    expect(new Headers(profile!.headers).get('Authorization')).toMatch(/^Bearer AAAA\+\/\S+=$/);
    expect(sent.every(({ init }) => init.redirect === 'error')).toBe(true);
  });

  test('accepts expires_in as a string, as a number, or missing', async () => {
    for (const expires_in of ['3600', 3600, undefined]) {
      naver.answerTokenWith({ access_token: 'AAAA+/==', token_type: 'bearer', expires_in });
      naver.answerProfileWith(profileOf({ id: 'an-id', name: '이초롱' }));
      expect(await identify()).toEqual({ id: 'an-id', name: '이초롱' });
    }
  });
});

describe('the person’s name', () => {
  test('is the nickname if they do not share the name', async () => {
    const user = await identify({ decision: 'agree', name: '김메모', share_nickname: 'on' });
    expect(user.name).toBe('김메모님');
  });

  test('is 회원 if they share neither name nor nickname', async () => {
    expect((await identify({ decision: 'agree', name: '김메모' })).name).toBe('회원');
  });

  test.each([
    ['null', { name: null, nickname: '메모광' }, '메모광'],
    ['empty', { name: '', nickname: '메모광' }, '메모광'],
    ['blank', { name: ' \t\u3000', nickname: '메모광' }, '메모광'],
    ['a number', { name: 42, nickname: ['메모광'] }, '회원'],
    ['invisible', { name: '\u0000\u200b\u202e\ufeff', nickname: '' }, '회원'],
    ['padded', { name: '  김메모 ' }, '김메모'],
    ['several lines', { name: '김\r\n메\u0000모' }, '김메모'],
    ['text with a direction override', { name: '\u202e김메모' }, '김메모'],
    ['10,000 UTF-16 code units', { name: '😀'.repeat(5000) }, '😀'.repeat(100)],
    ['markup', { name: '<b>&amp;' }, '<b>&amp;'],
  ])('that Naver sends can be %s', async (_, fields, name) => {
    naver.answerProfileWith(profileOf({ id: 'an-id', ...fields }));
    expect(await identify()).toEqual({ id: 'an-id', name });
  });
});

test('a person’s name is complete, wherever the network splits Naver’s response', async () => {
  const body = new TextEncoder().encode(JSON.stringify(profileOf({ id: 'an-id', name: '이초롱' })));
  for (let at = 1; at < body.length; at++) {
    const client = createClient(naver, {
      fetch: async (url) => {
        if (String(url).endsWith('/token')) return Response.json({ access_token: 'AAAA' });
        const pieces = [body.subarray(0, at), body.subarray(at)];
        return new Response(
          new ReadableStream({
            start(controller) {
              for (const piece of pieces) controller.enqueue(piece);
              controller.close();
            },
          }),
        );
      },
    });
    expect(await client.identify('code', 's')).toEqual({ id: 'an-id', name: '이초롱' });
  }
});

describe('the person’s id', () => {
  test('can have any form that Naver documents', async () => {
    for (const id of ['1', 'a'.repeat(64), 'Ab0+/=', 'Ab0-_', '32742776']) {
      naver.answerProfileWith(profileOf({ id, name: '김메모' }));
      expect((await identify()).id).toBe(id);
    }
  });

  test('is required, and cannot contain the separator of Redis keys', async () => {
    const ids = [
      undefined,
      null,
      '',
      ' ',
      42,
      true,
      ['an-id'],
      { id: 'an-id' },
      'a'.repeat(65),
      'an-id:memos',
      ':',
      'an id',
      'an-id\n',
      'an-id\0',
      '{an-id}',
      '*',
      '김메모',
    ];
    await expectFailures(
      'profile',
      'unavailable',
      ids.map((id) => profileOf({ id, name: '김메모' })),
    );
  });

  test('is read from "response", not from the top level', async () => {
    await expectFailures('profile', 'unavailable', [
      { resultcode: '00', message: 'success', id: 'an-id', name: '김메모' },
      profileOf(null),
      profileOf('an-id'),
      profileOf([{ id: 'an-id' }]),
    ]);
  });
});

describe('errors with status 200', () => {
  test('mean that a used or invented code has expired', async () => {
    const code = await obtainCode();
    const client = createClient(naver);
    await client.identify(code, 's');
    const { profile } = naver.calls;
    expect((await failureOf(client.identify(code, 's'))).failure).toBe('expired');
    expect((await failureOf(client.identify('invented', 's'))).failure).toBe('expired');
    expect(naver.calls.profile).toBe(profile);
  });

  test('mean that the server is misconfigured if the secret is wrong', async () => {
    const client = createClient(naver, { clientSecret: 'another' });
    expect((await failureOf(client.identify(await obtainCode(), 's'))).failure).toBe(
      'misconfigured',
    );
    await expectFailures('token', 'misconfigured', [
      { error: 'unauthorized_client', error_description: 'unauthorized' },
      { error: 'invalid_client' },
    ]);
  });

  test('count even with a token in the response', async () => {
    await expectFailures('token', 'expired', [
      { error: 'invalid_request', access_token: 'AAAA' },
      { error: 'invalid_grant', error_description: null },
    ]);
  });

  test('include every response of the token endpoint without a usable token', async () => {
    await expectFailures('token', 'unavailable', [
      {},
      [],
      null,
      'AAAA',
      42,
      { access_token: '' },
      { access_token: null },
      { access_token: 42 },
      { access_token: ['AAAA'] },
      { access_token: 'AAAA BBBB' },
      { access_token: 'AAAA\r\nX-Injected: 1' },
      { access_token: 'A'.repeat(4097) },
      { errorMessage: 'Internal error', errorCode: '500' },
      { token: 'AAAA' },
    ]);
  });

  test('include every response of the profile endpoint without resultcode 00', async () => {
    const response = { id: 'an-id', name: '김메모' };
    await expectFailures('profile', 'unavailable', [
      { resultcode: '024', message: 'Authentication failed (인증 실패하였습니다.)' },
      { resultcode: '024', message: 'Authentication failed', response },
      { resultcode: 0, message: 'success', response },
      { resultcode: '0', message: 'success', response },
      { message: 'success', response },
      { errorMessage: 'Authentication failed', errorCode: '024' },
      { error: 'invalid_token' },
      response,
      null,
      [],
      '00',
    ]);
  });
});

describe('a failure of Naver', () => {
  const quick: Misbehaviour[] = ['4xx', '5xx', 'malformed', 'huge'];
  const cases = quick.flatMap((how) => [['token', how] as const, ['profile', how] as const]);

  test.each(cases)(
    'is unavailable if the response of the %s endpoint is %s',
    async (endpoint, how) => {
      naver.misbehave(endpoint, how);
      const { failure, message } = await failureOf(identify());
      expect(failure).toBe('unavailable');
      expect(message).not.toContain('"response"'); // nothing that Naver sent
      naver.misbehave(endpoint, 'ok');
      expect((await identify()).name).toBe('김메모');
    },
  );

  test('takes at most 5 seconds, wherever Naver stops replying', async () => {
    const silent: Misbehaviour[] = ['slow', 'hanging', 'hanging-body'];
    const one = async (endpoint: 'token' | 'profile', how: Misbehaviour) => {
      const standIn = await startNaver();
      const code = await obtainCode(standIn);
      standIn.misbehave(endpoint, how);
      const start = performance.now();
      const { failure } = await failureOf(createClient(standIn).identify(code, 's'));
      return { endpoint, how, failure, inTime: performance.now() - start < 5000 };
    };
    // 5 seconds for both requests, not for each.
    const both = async () => {
      const standIn = await startNaver();
      const code = await obtainCode(standIn);
      standIn.misbehave('profile', 'hanging');
      const client = createClient(standIn, {
        fetch: async (url, init) => {
          const answer = await fetch(url, init);
          if (String(url).endsWith('/token')) await delay(3000);
          return answer;
        },
      });
      const start = performance.now();
      const { failure } = await failureOf(client.identify(code, 's'));
      return {
        endpoint: 'both',
        how: 'slow',
        failure,
        inTime: performance.now() - start < 5000,
      };
    };
    const outcomes = await Promise.all([
      ...silent.flatMap((how) => [one('token', how), one('profile', how)]),
      both(),
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ failure: 'unavailable', inTime: true });
    }
    expect(outcomes).toHaveLength(7);
  });

  test('is unavailable if the host cannot be reached, which the message names', async () => {
    const gone = await startNaver();
    await gone.close();
    standIns.splice(standIns.indexOf(gone), 1);
    const { failure, message } = await failureOf(createClient(gone).identify('code', 's'));
    expect(failure).toBe('unavailable');
    // For the operator: the host and the reason.
    expect(message).toBe(`no usable answer from ${new URL(gone.url).host} (ECONNREFUSED)`);

    const client = createClient(naver, { apiUrl: gone.url });
    expect((await failureOf(client.identify(await obtainCode(), 's'))).failure).toBe('unavailable');
  });

  test('is unavailable if the host has no TLS, and the message has the code', async () => {
    const plain = await serveHttp((_, response) => response.end('{}'));
    const client = createClient(naver, { authUrl: plain.url.replace('http:', 'https:') });
    const { failure, message } = await failureOf(client.identify('code', 's'));
    expect(failure).toBe('unavailable');
    expect(message).toMatch(/ \(ERR_SSL_[A-Z_]+\)$/);
  });

  test('is described by the code or name of an error, never by its message', async () => {
    for (const [cause, reason] of [
      [{ code: 'CERT_HAS_EXPIRED' }, 'CERT_HAS_EXPIRED'],
      [{ code: 'AAAA+/== is no token' }, 'TypeError'],
      [{ code: 42 }, 'TypeError'],
      [new Error('AAAA+/=='), 'TypeError'],
      ['AAAA+/==', 'TypeError'],
      [undefined, 'TypeError'],
    ]) {
      const client = createClient(naver, {
        fetch: () => Promise.reject(new TypeError('AAAA+/==', { cause })),
      });
      const { message } = await failureOf(client.identify('code', 's'));
      expect(message).toBe(`no usable answer from ${new URL(naver.url).host} (${reason})`);
    }
  });

  test('is unavailable if a token or a profile has an error status', async () => {
    const broken = await serveHttp((_, response) => {
      response.writeHead(500, { 'Content-Type': 'application/json' });
      response.end('{"access_token":"AAAA","resultcode":"00","response":{"id":"an-id"}}');
    });
    const [token, profile] = [
      createClient(naver, { authUrl: broken.url }),
      createClient(naver, { apiUrl: broken.url }),
    ];
    expect((await failureOf(token.identify('code', 's'))).failure).toBe('unavailable');
    const code = await obtainCode();
    expect((await failureOf(profile.identify(code, 's'))).failure).toBe('unavailable');
  });

  test('is unavailable, not expired, if an error in JSON has status 503', async () => {
    const broken = await serveHttp((_, response) => {
      response.writeHead(503, { 'Content-Type': 'application/json' });
      response.end('{"error":"temporarily_unavailable","error_description":"try later"}');
    });
    const client = createClient(naver, { authUrl: broken.url });
    expect((await failureOf(client.identify('code', 's'))).failure).toBe('unavailable');
  });

  test('is unavailable if the response is no UTF-8', async () => {
    const broken = await serveHttp((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(Buffer.from('{"access_token":"AAAA","x":"\xff\xfe"}', 'latin1'));
    });
    const client = createClient(naver, { authUrl: broken.url });
    expect((await failureOf(client.identify('code', 's'))).failure).toBe('unavailable');
  });
});

test.each([301, 302, 303, 307, 308])('a redirect (%i) is not followed', async (status) => {
  const seen: string[] = [];
  const elsewhere = await serveHttp((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.end('{"access_token":"AAAA","resultcode":"00","response":{"id":"an-id"}}');
  });
  const redirecting = await serveHttp((_, response) => {
    response.writeHead(status, { Location: `${elsewhere.url}/caught` }).end();
  });
  const token = createClient(naver, { authUrl: redirecting.url });
  expect((await failureOf(token.identify('code', 's'))).failure).toBe('unavailable');
  const profile = createClient(naver, { apiUrl: redirecting.url });
  const code = await obtainCode();
  expect((await failureOf(profile.identify(code, 's'))).failure).toBe('unavailable');
  expect(seen).toEqual([]);
});

const servers: { close(): void }[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** Starts a server with arbitrary responses. */
async function serveHttp(listener: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push({
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
