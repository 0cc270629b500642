import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type NaverStandIn, startNaverStandIn } from './naver.ts';

const CALLBACK = 'http://localhost:8000/login/callback';
let naver: NaverStandIn;

beforeEach(async () => {
  naver = await startNaverStandIn({ callbackUrls: [CALLBACK] });
});

afterEach(async () => {
  vi.useRealTimers();
  await naver.close();
});

const authorize = (changed: Record<string, string> = {}) =>
  fetch(
    `${naver.url}/oauth2.0/authorize?${new URLSearchParams({
      response_type: 'code',
      client_id: naver.clientId,
      redirect_uri: CALLBACK,
      state: 'a+b c&d="e"',
      ...changed,
    })}`,
    { redirect: 'manual' },
  );

/** Submits the consent form. @returns the URL that the browser is redirected to */
async function consent(fields: Record<string, string>): Promise<URL> {
  const response = await fetch(`${naver.url}/oauth2.0/consent`, {
    method: 'POST',
    body: new URLSearchParams({
      client_id: naver.clientId,
      redirect_uri: CALLBACK,
      state: 's',
      ...fields,
    }),
    redirect: 'manual',
  });
  expect(response.status).toBe(302);
  return new URL(response.headers.get('Location')!);
}

const AGREED = { decision: 'agree', pick: '김메모', name: '', share: 'on', share_nickname: 'on' };

const obtainCode = async (fields: Record<string, string> = AGREED) =>
  (await consent(fields)).searchParams.get('code')!;

const tokenParams = (code: string, changed: Record<string, string> = {}) =>
  new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: naver.clientId,
    client_secret: naver.clientSecret,
    code,
    state: 's',
    ...changed,
  });

const exchange = (code: string, changed?: Record<string, string>, signal?: AbortSignal) =>
  fetch(`${naver.url}/oauth2.0/token`, {
    method: 'POST',
    body: tokenParams(code, changed),
    signal: signal ?? null,
  });

const readProfile = (authorization?: string) =>
  fetch(`${naver.url}/v1/nid/me`, {
    headers: authorization ? { Authorization: authorization } : {},
  });

async function logIn(fields?: Record<string, string>) {
  const { access_token } = await (await exchange(await obtainCode(fields))).json();
  const { response } = await (await readProfile(`Bearer ${access_token}`)).json();
  return { token: access_token as string, profile: response };
}

test('the consent page is in Korean, says that it is not Naver, and escapes the state', async () => {
  const response = await authorize();
  const page = await response.text();
  expect(response.status).toBe(200);
  expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
  expect(page).toContain('<html lang="ko">');
  expect(page).toContain('진짜 네이버가 아니며');
  expect(page).toContain('value="a+b c&amp;d=&quot;e&quot;"');
  expect(page).toContain('value="박하늘"');
  expect(page.match(/name="pick"[^>]* checked/g)).toHaveLength(1);
});

test.each<Record<string, string>>([
  { redirect_uri: `${CALLBACK}/` },
  { redirect_uri: `${CALLBACK}?next=/` },
  { redirect_uri: 'http://127.0.0.1:8000/login/callback' },
  { client_id: 'somebody-else' },
])('a request with the unregistered %o gets an error page and no redirect', async (changed) => {
  const response = await authorize(changed);
  expect(response.status).toBe(400);
  expect(response.headers.get('Location')).toBeNull();
  expect(await response.text()).toContain('로그인할 수 없습니다');

  const forged = await fetch(`${naver.url}/oauth2.0/consent`, {
    method: 'POST',
    body: new URLSearchParams({
      client_id: naver.clientId,
      redirect_uri: CALLBACK,
      ...AGREED,
      ...changed,
    }),
    redirect: 'manual',
  });
  expect(forged.status).toBe(400);
  expect(forged.headers.get('Location')).toBeNull();
});

test('a response type other than code redirects to the callback with an error and the state', async () => {
  const response = await authorize({ response_type: 'token', state: 's' });
  expect(response.headers.get('Location')).toBe(
    `${CALLBACK}?error=unsupported_response_type&state=s`,
  );
});

test('cancelling redirects to the callback with the documented error and no code', async () => {
  const back = await consent({ ...AGREED, decision: 'cancel' });
  expect(back.href).toBe(
    `${CALLBACK}?error=access_denied&error_description=Canceled+By+User&state=s`,
  );
});

test('agreeing redirects to the callback with a code and the unchanged state', async () => {
  const state = 'a+b c&d="e"/한글';
  const back = await consent({ ...AGREED, state });
  expect(back.origin + back.pathname).toBe(CALLBACK);
  expect(back.searchParams.get('state')).toBe(state);
  expect(back.searchParams.get('code')).toBeTruthy();
});

test('a code is exchanged for a token that needs escaping, with its lifetime as a string', async () => {
  const response = await exchange(await obtainCode());
  expect(response.status).toBe(200);
  expect(response.headers.get('Cache-Control')).toBe('no-store');
  const body = await response.json();
  expect(body).toEqual({
    access_token: expect.stringMatching(/^AAAA.*\+.*\/.*=$/),
    refresh_token: expect.any(String),
    token_type: 'bearer',
    expires_in: '3600',
  });
});

test('a code can be exchanged by GET', async () => {
  const response = await fetch(`${naver.url}/oauth2.0/token?${tokenParams(await obtainCode())}`);
  expect(await response.json()).toHaveProperty('access_token');
});

test('a code works once, and its second exchange is an error with status 200', async () => {
  const code = await obtainCode();
  expect(await (await exchange(code)).json()).toHaveProperty('access_token');
  const again = await exchange(code);
  expect(again.status).toBe(200);
  expect(await again.json()).toEqual({
    error: 'invalid_request',
    error_description: 'no valid data in session',
  });
  expect(naver.calls.token).toBe(2);
});

test('a code expires after a minute', async () => {
  const [early, late] = [await obtainCode(), await obtainCode()];
  const now = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: now + 55_000 });
  expect(await (await exchange(early)).json()).toHaveProperty('access_token');
  vi.setSystemTime(now + 61_000);
  expect(await (await exchange(late)).json()).toHaveProperty('error', 'invalid_request');
});

test('a wrong client secret is an error with status 200, and the code stays valid', async () => {
  const code = await obtainCode();
  const refused = await exchange(code, { client_secret: 'guess' });
  expect(refused.status).toBe(200);
  expect(await refused.json()).toEqual({
    error: 'invalid_request',
    error_description: 'wrong client id / client secret pair',
  });
  expect(await (await exchange(code)).json()).toHaveProperty('access_token');
});

test('a POST with the client secret in its URL is refused', async () => {
  const url = `${naver.url}/oauth2.0/token?${tokenParams(await obtainCode())}`;
  expect(await (await fetch(url, { method: 'POST' })).json()).toHaveProperty('error');
});

test('a profile has the typed name, or else the chosen one', async () => {
  expect((await logIn()).profile).toMatchObject({ name: '김메모', nickname: '김메모님' });
  expect((await logIn({ ...AGREED, name: ' 정<b>연필 ' })).profile.name).toBe('정<b>연필');
});

test('members of the profile that a person declines are absent; only the id is always there', async () => {
  const { share: _, ...nameless } = AGREED;
  expect(Object.keys((await logIn(nameless)).profile).sort()).toEqual(['id', 'nickname']);
  const { share_nickname: __, ...bare } = nameless;
  expect(Object.keys((await logIn(bare)).profile)).toEqual(['id']);
});

test('a person has the same id at each login, and a different one in another application', async () => {
  const { id } = (await logIn()).profile;
  expect(id).toMatch(/^[\w-]{43}$/);
  expect((await logIn()).profile.id).toBe(id);
  expect((await logIn({ ...AGREED, pick: '이초롱' })).profile.id).not.toBe(id);
  await naver.close();
  naver = await startNaverStandIn({ callbackUrls: [CALLBACK], clientId: 'another' });
  expect((await logIn()).profile.id).not.toBe(id);
});

test.each([
  [undefined, '028'],
  ['Bearer nonsense', '024'],
  ['Basic nonsense', '024'],
])(
  'a profile request with the Authorization header %s is refused with code %s',
  async (header, resultcode) => {
    const response = await readProfile(header);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ resultcode });
  },
);

test('a revoked token reads no profile, and revoking an unknown token succeeds', async () => {
  const { token } = await logIn();
  const revoke = (changed = {}) =>
    fetch(`${naver.url}/oauth2.0/revoke`, {
      method: 'POST',
      body: tokenParams('', { token, token_type_hint: 'access_token', ...changed }),
    });

  const refused = await revoke({ client_secret: 'guess' });
  expect(refused.status).toBe(401);
  expect(await refused.json()).toMatchObject({ error: 'unauthorized_client' });
  expect((await readProfile(`Bearer ${token}`)).status).toBe(200);

  for (const response of [await revoke(), await revoke()]) {
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  }
  expect((await readProfile(`Bearer ${token}`)).status).toBe(401);
  expect(naver.calls).toEqual({ authorize: 0, token: 1, profile: 3, revoke: 3 });
});

test('each endpoint fails as it is set to, independently of the other, until it is reset', async () => {
  naver.misbehave('profile', '4xx');
  const forbidden = await readProfile();
  expect(forbidden.status).toBe(403);
  expect(await forbidden.json()).toHaveProperty('errorCode');

  naver.misbehave('profile', '5xx');
  expect((await readProfile()).status).toBe(500);

  naver.misbehave('profile', 'malformed');
  const malformed = await readProfile();
  expect(malformed.status).toBe(200);
  await expect(malformed.json()).rejects.toThrow(SyntaxError);

  const { access_token } = await (await exchange(await obtainCode())).json();
  naver.misbehave('profile', 'ok');
  expect((await readProfile(`Bearer ${access_token}`)).status).toBe(200);
});

test('a test can set the bodies of token and profile responses', async () => {
  naver.answerTokenWith({ access_token: 'x' });
  naver.answerProfileWith({ resultcode: '00', response: { id: 'x' } });
  expect(await (await exchange('no code')).json()).toEqual({ access_token: 'x' });
  expect((await (await readProfile()).json()).response).toEqual({ id: 'x' });
  naver.answerProfileWith(null);
  expect(await (await readProfile()).json()).toBeNull();

  naver.answerTokenWith(undefined);
  naver.answerProfileWith(undefined);
  expect(await (await exchange('no code')).json()).toHaveProperty('error');
  expect((await readProfile()).status).toBe(401);
});

test('a huge response is correct JSON of more than 50 MB without a Content-Length', async () => {
  naver.misbehave('token', 'huge');
  const response = await exchange(await obtainCode());
  expect(response.headers.get('Content-Length')).toBeNull();
  const text = await response.text();
  expect(text.length).toBeGreaterThan(50e6);
  expect(JSON.parse(text)).toHaveProperty('access_token');
});

test('a client that gives up on a slow token response has used its code up', async () => {
  const code = await obtainCode();
  naver.misbehave('token', 'slow');
  await expect(exchange(code, {}, AbortSignal.timeout(300))).rejects.toThrow('timeout');
  naver.misbehave('token', 'ok');
  expect(await (await exchange(code)).json()).toHaveProperty('error', 'invalid_request');
});

test('a response with a hanging body sends its headers', async () => {
  naver.misbehave('token', 'hanging-body');
  const response = await exchange('', {}, AbortSignal.timeout(500));
  expect(response.status).toBe(200);
  await expect(response.json()).rejects.toThrow('timeout');
});

test.each(['slow', 'hanging', 'hanging-body'] as const)(
  'closing the stand-in does not wait for a response that is %s',
  async (how) => {
    naver.misbehave('token', how);
    const failure = expect(exchange('').then((response) => response.text())).rejects.toThrow();
    await vi.waitFor(() => expect(naver.calls.token).toBe(1));
    const start = performance.now();
    await naver.close();
    expect(performance.now() - start).toBeLessThan(1000);
    await failure;
    await expect(authorize()).rejects.toThrow();
  },
);

test('starting the stand-in on a port in use is an error', async () => {
  const port = Number(new URL(naver.url).port);
  await expect(startNaverStandIn({ callbackUrls: [], port })).rejects.toThrow('EADDRINUSE');
});
