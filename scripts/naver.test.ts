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

/** Presses a button of the consent form. Answers with where the browser is sent. */
async function consent(fields: Record<string, string>): Promise<URL> {
  const answer = await fetch(`${naver.url}/oauth2.0/consent`, {
    method: 'POST',
    body: new URLSearchParams({
      client_id: naver.clientId,
      redirect_uri: CALLBACK,
      state: 's',
      ...fields,
    }),
    redirect: 'manual',
  });
  expect(answer.status).toBe(302);
  return new URL(answer.headers.get('Location')!);
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

test('the consent page is Korean, says that it is not Naver, and escapes the state', async () => {
  const answer = await authorize();
  const page = await answer.text();
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Content-Type')).toMatch(/^text\/html/);
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
])('an unregistered %o gets an error page and never a redirect', async (changed) => {
  const answer = await authorize(changed);
  expect(answer.status).toBe(400);
  expect(answer.headers.get('Location')).toBeNull();
  expect(await answer.text()).toContain('로그인할 수 없습니다');

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

test('a response type other than code comes back as an error with the state', async () => {
  const answer = await authorize({ response_type: 'token', state: 's' });
  expect(answer.headers.get('Location')).toBe(
    `${CALLBACK}?error=unsupported_response_type&state=s`,
  );
});

test('whoever cancels comes back with the documented refusal and no code', async () => {
  const back = await consent({ ...AGREED, decision: 'cancel' });
  expect(back.href).toBe(
    `${CALLBACK}?error=access_denied&error_description=Canceled+By+User&state=s`,
  );
});

test('whoever agrees comes back with a code and the state as it was given', async () => {
  const state = 'a+b c&d="e"/한글';
  const back = await consent({ ...AGREED, state });
  expect(back.origin + back.pathname).toBe(CALLBACK);
  expect(back.searchParams.get('state')).toBe(state);
  expect(back.searchParams.get('code')).toBeTruthy();
});

test('a code gives a token whose lifetime is a string and which needs escaping', async () => {
  const answer = await exchange(await obtainCode());
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Cache-Control')).toBe('no-store');
  const body = await answer.json();
  expect(body).toEqual({
    access_token: expect.stringMatching(/^AAAA.*\+.*\/.*=$/),
    refresh_token: expect.any(String),
    token_type: 'bearer',
    expires_in: '3600',
  });
});

test('a code can be exchanged in a URL too', async () => {
  const answer = await fetch(`${naver.url}/oauth2.0/token?${tokenParams(await obtainCode())}`);
  expect(await answer.json()).toHaveProperty('access_token');
});

test('a code works once, and the error of the second time has status 200', async () => {
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

test('a code is worthless after a minute', async () => {
  const [early, late] = [await obtainCode(), await obtainCode()];
  const now = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: now + 55_000 });
  expect(await (await exchange(early)).json()).toHaveProperty('access_token');
  vi.setSystemTime(now + 61_000);
  expect(await (await exchange(late)).json()).toHaveProperty('error', 'invalid_request');
});

test('a wrong secret is refused with status 200 and leaves the code usable', async () => {
  const code = await obtainCode();
  const refused = await exchange(code, { client_secret: 'guess' });
  expect(refused.status).toBe(200);
  expect(await refused.json()).toEqual({
    error: 'invalid_request',
    error_description: 'wrong client id / client secret pair',
  });
  expect(await (await exchange(code)).json()).toHaveProperty('access_token');
});

test('a POST whose secret is in its URL is refused', async () => {
  const url = `${naver.url}/oauth2.0/token?${tokenParams(await obtainCode())}`;
  expect(await (await fetch(url, { method: 'POST' })).json()).toHaveProperty('error');
});

test('a profile has the chosen name, or the typed one when there is one', async () => {
  expect((await logIn()).profile).toMatchObject({ name: '김메모', nickname: '김메모님' });
  expect((await logIn({ ...AGREED, name: ' 정<b>연필 ' })).profile.name).toBe('정<b>연필');
});

test('what a person declines is absent, down to the id alone', async () => {
  const { share: _, ...nameless } = AGREED;
  expect(Object.keys((await logIn(nameless)).profile).sort()).toEqual(['id', 'nickname']);
  const { share_nickname: __, ...bare } = nameless;
  expect(Object.keys((await logIn(bare)).profile)).toEqual(['id']);
});

test('an id is the same at each login, and another for each person and application', async () => {
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
])('the profile for the header %s is refused with %s', async (header, resultcode) => {
  const answer = await readProfile(header);
  expect(answer.status).toBe(401);
  expect(await answer.json()).toMatchObject({ resultcode });
});

test('a revoked token reads no more profiles, and an unknown one is revoked just as well', async () => {
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

  for (const answer of [await revoke(), await revoke()]) {
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('');
  }
  expect((await readProfile(`Bearer ${token}`)).status).toBe(401);
  expect(naver.calls).toEqual({ authorize: 0, token: 1, profile: 3, revoke: 3 });
});

test('failing endpoints fail as told, apart from each other, until told otherwise', async () => {
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

test('a test may put its own words into the answers', async () => {
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

test('a huge answer is right, and larger than anyone should read', async () => {
  naver.misbehave('token', 'huge');
  const answer = await exchange(await obtainCode());
  expect(answer.headers.get('Content-Length')).toBeNull();
  const text = await answer.text();
  expect(text.length).toBeGreaterThan(50e6);
  expect(JSON.parse(text)).toHaveProperty('access_token');
});

test('a client that leaves a slow answer has used up its code', async () => {
  const code = await obtainCode();
  naver.misbehave('token', 'slow');
  await expect(exchange(code, {}, AbortSignal.timeout(300))).rejects.toThrow('timeout');
  naver.misbehave('token', 'ok');
  expect(await (await exchange(code)).json()).toHaveProperty('error', 'invalid_request');
});

test('a hanging body comes after its headers', async () => {
  naver.misbehave('token', 'hanging-body');
  const answer = await exchange('', {}, AbortSignal.timeout(500));
  expect(answer.status).toBe(200);
  await expect(answer.json()).rejects.toThrow('timeout');
});

test.each(['slow', 'hanging', 'hanging-body'] as const)(
  'closing does not wait for an answer that is %s',
  async (how) => {
    naver.misbehave('token', how);
    const failure = expect(exchange('').then((answer) => answer.text())).rejects.toThrow();
    await vi.waitFor(() => expect(naver.calls.token).toBe(1));
    const start = performance.now();
    await naver.close();
    expect(performance.now() - start).toBeLessThan(1000);
    await failure;
    await expect(authorize()).rejects.toThrow();
  },
);

test('a taken port is an error of starting', async () => {
  const port = Number(new URL(naver.url).port);
  await expect(startNaverStandIn({ callbackUrls: [], port })).rejects.toThrow('EADDRINUSE');
});
