/**
 * A stand-in for Naver's login server, reached over real HTTP.
 *
 * `npm start` uses it if there are no credentials; the tests always use it. It reproduces the behaviour
 * of Naver that breaks clients: token errors have status 200, `expires_in` is a string, tokens contain
 * `+/=`, a code works once, and every member of a profile except `id` may be absent.
 *
 * One application is registered, any name can log in, and `close()` deletes all data.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import { html } from 'hono/html';

/** How an endpoint responds. */
export type Misbehaviour =
  | 'ok'
  | '4xx' // 403 with the error shape of Naver's gateway
  | '5xx' // 500 with an HTML page
  | 'slow' // the correct response, computed at once and sent 10 seconds later
  | 'malformed' // 200 with truncated JSON
  | 'hanging' // no headers, no body
  | 'hanging-body' // 200, headers and one byte; the body never ends
  | 'huge'; // the correct response after 50 MB of white space

export interface NaverStandIn {
  /** Origin of the login and the API endpoints, e.g. `http://127.0.0.1:41234`. */
  url: string;
  clientId: string;
  clientSecret: string;
  /** Sets how an endpoint responds until the next call; `ok` is normal. */
  misbehave(endpoint: 'token' | 'profile', how: Misbehaviour): void;
  /** Sets the JSON body of token responses, with status 200; `undefined` restores normal responses. */
  answerTokenWith(body: unknown): void;
  /** The same for profile responses. */
  answerProfileWith(body: unknown): void;
  /** Number of requests to each endpoint, failed ones included. */
  calls: { authorize: number; token: number; profile: number; revoke: number };
  /** Closes all connections at once, also those with open requests. */
  close(): Promise<void>;
}

export interface NaverStandInOptions {
  /** Registered callback URLs; read at each request, so the caller may add to the array later. */
  callbackUrls: string[];
  clientId?: string;
  clientSecret?: string;
  /** By default a free port. */
  port?: number;
}

type Endpoint = 'token' | 'profile';
type Fields = Record<string, string>;

interface Profile {
  id: string;
  name?: string;
  nickname?: string;
}

const PEOPLE = ['김메모', '이초롱', '박하늘'];
const CODE_LIFETIME = 60_000; // ms
const SLOWNESS = 10_000; // ms
const JSON_TYPE = { 'Content-Type': 'application/json;charset=utf-8' };
const WRONG_CLIENT = 'wrong client id / client secret pair';

/** Starts the stand-in on 127.0.0.1. Rejects if the port is taken. */
export async function startNaverStandIn(options: NaverStandInOptions): Promise<NaverStandIn> {
  const { callbackUrls, clientId = 'stand-in-id', clientSecret = 'stand-in-secret' } = options;
  const calls = { authorize: 0, token: 0, profile: 0, revoke: 0 };
  const script: Record<Endpoint, { how: Misbehaviour; body?: unknown }> = {
    token: { how: 'ok' },
    profile: { how: 'ok' },
  };
  const codes = new Map<string, { profile: Profile; expiresAt: number }>();
  const profiles = new Map<string, Profile>(); // by access token
  const closing = new AbortController();

  const isRegistered = (from: Fields): boolean =>
    from.client_id === clientId && callbackUrls.includes(from.redirect_uri ?? '');
  const isClient = (from: Fields): boolean =>
    from.client_id === clientId && from.client_secret === clientSecret;

  /** Counts the requests to an endpoint, and sends the responses that a test has set. */
  const scripted = (endpoint: Endpoint) =>
    createMiddleware(async (c, next) => {
      calls[endpoint] += 1;
      const { how, body } = script[endpoint];
      switch (how) {
        case '4xx':
          return c.json({ errorMessage: 'Forbidden', errorCode: '403' }, 403);
        case '5xx':
          return c.html('<h1>500 Internal Server Error</h1>', 500);
        case 'malformed':
          return c.body('{"access_token":"AAAA","response":{"id":', 200, JSON_TYPE);
        case 'hanging':
          return new Promise<never>(() => {});
        case 'hanging-body':
          return c.body(unending(), 200, JSON_TYPE);
      }
      if (body === undefined) await next();
      else c.res = Response.json(body);
      // The delay comes after the work: a client that gives up has used its code up.
      const { signal } = closing;
      if (how === 'slow') await setTimeout(SLOWNESS, null, { signal }).catch(() => {});
      if (how === 'huge') c.res = behindWhiteSpace(c.res);
      return;
    });

  const app = new Hono();

  app.use(async (c, next) => {
    await next();
    c.header('Cache-Control', 'no-store'); // RFC 6749, 5.1
  });

  // The consent page.
  app.get('/oauth2.0/authorize', (c) => {
    calls.authorize += 1;
    const query = c.req.query();
    if (!isRegistered(query)) return c.html(errorPage(), 400);
    if (query.response_type !== 'code')
      return c.redirect(withQuery(query, { error: 'unsupported_response_type' }));
    return c.html(consentPage(query));
  });

  // The consent form's target. A browser can change the fields, so they are checked again.
  app.post('/oauth2.0/consent', async (c) => {
    const form = await c.req.parseBody<Fields>();
    if (!isRegistered(form)) return c.html(errorPage(), 400);
    if (form.decision !== 'agree') {
      const refusal = { error: 'access_denied', error_description: 'Canceled By User' };
      return c.redirect(withQuery(form, refusal));
    }
    const name = form.name?.trim() || form.pick || '회원';
    // As at Naver, a person has a different id in each application.
    const id = createHash('sha256').update(`${clientId}\n${name}`).digest('base64url');
    const profile: Profile = {
      id,
      ...(form.share_nickname && { nickname: `${name}님` }),
      ...(form.share && { name }),
    };
    const code = randomBytes(12).toString('base64url');
    codes.set(code, { profile, expiresAt: Date.now() + CODE_LIFETIME });
    return c.redirect(withQuery(form, { code }));
  });

  // Exchanges a code for a token. Errors have status 200, as at Naver; only the body has the error.
  app.on(['GET', 'POST'], '/oauth2.0/token', scripted('token'), async (c) => {
    // A POST must have its parameters in the body: a secret in a URL would be logged by proxies.
    const sent = c.req.method === 'GET' ? c.req.query() : await c.req.parseBody<Fields>();
    const refuse = (error_description: string) =>
      c.json({ error: 'invalid_request', error_description });

    if (!isClient(sent)) return refuse(WRONG_CLIENT);
    const { grant_type, code = '' } = sent;
    const grant = grant_type === 'authorization_code' ? codes.get(code) : undefined;
    codes.delete(code);
    if (!grant || grant.expiresAt <= Date.now()) return refuse('no valid data in session');

    // 40 bytes end in "==", so each token has all characters that need escaping.
    const token = `AAAA+/${randomBytes(40).toString('base64')}`;
    profiles.set(token, grant.profile);
    return c.json({
      access_token: token,
      refresh_token: randomBytes(30).toString('base64url'),
      token_type: 'bearer',
      expires_in: '3600',
    });
  });

  // Returns the profile of a token.
  app.get('/v1/nid/me', scripted('profile'), (c) => {
    const header = c.req.header('Authorization') ?? '';
    const refuse = (resultcode: string, message: string) => c.json({ resultcode, message }, 401);
    if (!header) return refuse('028', 'Authentication header not exists');
    const profile = header.startsWith('Bearer ') && profiles.get(header.slice(7));
    if (!profile) return refuse('024', 'Authentication failed (인증 실패하였습니다.)');
    return c.json({ resultcode: '00', message: 'success', response: profile });
  });

  // Revokes a token. As in RFC 7009, the response does not reveal whether the token existed.
  app.post('/oauth2.0/revoke', async (c) => {
    calls.revoke += 1;
    const form = await c.req.parseBody<Fields>();
    if (!isClient(form))
      return c.json({ error: 'unauthorized_client', error_description: WRONG_CLIENT }, 401);
    profiles.delete(form.token ?? '');
    return c.body(null, 200);
  });

  // The adapter would replace global Request and Response, also for an application in this process.
  const where = { hostname: '127.0.0.1', port: options.port ?? 0, overrideGlobalObjects: false };
  const server = serve({ fetch: app.fetch, ...where }) as Server;
  await once(server, 'listening'); // rejects if the server emits an error

  return {
    // Not "localhost": for a browser on localhost, 127.0.0.1 is another site, as Naver is. So a cookie
    // that the redirect from Naver would not send (SameSite) is not sent here either.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clientId,
    clientSecret,
    misbehave: (endpoint, how) => Object.assign(script[endpoint], { how }),
    answerTokenWith: (body) => Object.assign(script.token, { body }),
    answerProfileWith: (body) => Object.assign(script.profile, { body }),
    calls,
    close: () =>
      new Promise((resolve) => {
        closing.abort();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const unending = () => new ReadableStream({ start: (out) => out.enqueue(new Uint8Array([0x7b])) });

/** The callback URL with these parameters and the state of the request. */
function withQuery(from: Fields, parameters: Fields): string {
  return `${from.redirect_uri}?${new URLSearchParams({ ...parameters, state: from.state ?? '' })}`;
}

/**
 * Puts 50 MB of white space, which JSON allows, before a body. A client without a limit reads a correct
 * response, so a test can tell the two apart. There is no Content-Length that could warn the client.
 */
function behindWhiteSpace(response: Response): Response {
  const blank = new Uint8Array(64 * 1024).fill(0x20);
  let left = 800; // × 64 KB = 50 MB
  const body = new ReadableStream<Uint8Array>({
    async pull(out) {
      if (left-- > 0) return out.enqueue(blank);
      out.enqueue(new Uint8Array(await response.arrayBuffer()));
      out.close();
    },
  });
  return new Response(body, { status: response.status, headers: JSON_TYPE });
}

const errorPage = () =>
  page(html`<h1>로그인할 수 없습니다</h1>
    <p>client_id 또는 redirect_uri가 등록된 값과 다릅니다. 한 글자까지 똑같아야 합니다.</p>`);

const consentPage = ({ client_id, redirect_uri, state = '' }: Fields) =>
  page(html`<h1>네이버 로그인</h1>
    <form method="post" action="/oauth2.0/consent">
      <input type="hidden" name="client_id" value="${client_id}">
      <input type="hidden" name="redirect_uri" value="${redirect_uri}">
      <input type="hidden" name="state" value="${state}">
      <fieldset>
        <legend>누구로 로그인할까요?</legend>
        ${PEOPLE.map((name, i) => html`<label><input type="radio" name="pick" value="${name}" ${i === 0 ? 'checked' : ''}> ${name}</label>`)}
        <label>다른 이름 <input type="text" name="name" autocomplete="off"></label>
      </fieldset>
      <fieldset>
        <legend>무엇을 알려 줄까요?</legend>
        <label><input type="checkbox" name="share" checked> 이름 제공에 동의</label>
        <label><input type="checkbox" name="share_nickname" checked> 별명 제공에 동의</label>
      </fieldset>
      <button name="decision" value="agree">동의하고 로그인</button>
      <button name="decision" value="cancel">취소</button>
    </form>`);

const page = (content: ReturnType<typeof html>) => html`<!doctype html>
<html lang="ko">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>네이버 로그인 (개발용)</title>
    <style>
      body { max-width: 24rem; margin: 0 auto; padding: 1rem; font: 1rem/1.6 system-ui, sans-serif; color: #222; word-break: keep-all }
      aside { padding: .5rem 1rem; border-left: 4px solid #03a94d; background: #f0f7f2 }
      fieldset { margin: 0 0 1rem; border: 1px solid #ccc; border-radius: 8px }
      label { display: flex; align-items: center; gap: .5rem; min-height: 2.75rem }
      [name=name] { flex: 1; min-width: 0; padding: .5rem; font: inherit }
      button { width: 100%; min-height: 3rem; margin-bottom: .5rem; border: 1px solid #ccc; border-radius: 8px; background: #fff; color: inherit; font: inherit }
      [value=agree] { border: 0; background: #03753a; color: #fff; font-weight: bold }
    </style>
  </head>
  <body>
    <aside>개발할 때 네이버를 대신하는 화면입니다. 진짜 네이버가 아니며, 입력한 내용은 이 컴퓨터 밖으로 나가지 않습니다.</aside>
    <main>${content}</main>
  </body>
</html>`;
