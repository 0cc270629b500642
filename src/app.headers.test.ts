/** The security headers of every response: exactly these, whatever the request. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NaverStandIn, startNaverStandIn } from '../scripts/naver.ts';
import { assets, createTestApp } from './testing/app.ts';

const ALWAYS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "connect-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types memo',
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-frame-options': 'DENY',
};

/** Headers that differ between responses. */
const OWN = [
  'allow',
  'cache-control',
  'content-length',
  'content-type',
  'etag',
  'location',
  'set-cookie',
  'vary',
];

const PUBLIC_URL = 'https://example.com/memo';
const HTML = { Accept: 'text/html' };
let naver: NaverStandIn;
let app: ReturnType<typeof createTestApp>['app'];
let me: Awaited<ReturnType<ReturnType<typeof createTestApp>['logIn']>>;

beforeAll(async () => {
  naver = await startNaverStandIn({
    callbackUrls: [`${PUBLIC_URL}/oauth2`],
    clientId: 'id',
    clientSecret: 'secret',
  });
  const env = { PUBLIC_URL, BASE_PATH: '/', NAVER_AUTH_URL: naver.url, NAVER_API_URL: naver.url };
  const all = createTestApp({ env });
  app = all.app;
  me = await all.logIn();
  await me.send('POST', '/memo', { text: '글' });
});
afterAll(() => naver.close());

/** A login up to the response to Naver's callback. */
async function comeBack(): Promise<Response> {
  const login = await app.request('/login');
  const { searchParams } = new URL(login.headers.get('Location')!);
  const agreed = await fetch(`${naver.url}/oauth2.0/consent`, {
    method: 'POST',
    body: new URLSearchParams({
      ...Object.fromEntries(searchParams),
      name: '김메모',
      share: 'on',
      decision: 'agree',
    }),
    redirect: 'manual',
  });
  const { search } = new URL(agreed.headers.get('Location')!);
  const Cookie = login.headers.getSetCookie()[0]!.split(';', 1)[0]!;
  return app.request(`/oauth2${search}`, { headers: { Cookie } });
}

type Case = [what: string, status: number, cache: string, () => Response | Promise<Response>];
const PRIVATE = 'private, no-store';
test.each<Case>([
  ['the invitation', 200, PRIVATE, () => app.request('/', { headers: HTML })],
  ['a person’s page', 200, PRIVATE, () => me.request('/', { headers: HTML })],
  ['an error page', 404, PRIVATE, () => app.request('/nowhere', { headers: HTML })],
  ['a path that is refused', 400, PRIVATE, () => app.request('//x', { headers: HTML })],
  ['the redirect to Naver', 302, PRIVATE, () => app.request('/login')],
  ['the callback', 302, PRIVATE, () => comeBack()],
  ['memos', 200, PRIVATE, () => me.request('/memo')],
  ['a problem', 400, PRIVATE, () => me.send('POST', '/memo', {})],
  ['a deletion', 404, PRIVATE, () => me.request('/memo/5', { method: 'DELETE' })],
  ['a form', 303, PRIVATE, () => me.post('/memo', { text: '글' })],
  ['a stream', 200, PRIVATE, () => me.request('/memo/events')],
  ['a preflight of another site', 405, PRIVATE, () => askFromElsewhere()],
  [
    'a static file',
    200,
    'public, max-age=31536000, immutable',
    () => app.request(`/assets/${Object.values<{ file: string }>(assets)[0]!.file}`),
  ],
])('%s has the security headers', async (_, status, cache, ask) => {
  const response = await ask();
  await response.body?.cancel();
  expect(response.status).toBe(status);
  const headers = Object.fromEntries(response.headers);
  expect(headers['cache-control']).toBe(cache);
  for (const name of OWN) delete headers[name];
  expect(headers).toEqual(ALWAYS);
});

function askFromElsewhere() {
  const headers = { Origin: 'https://elsewhere.example', 'Access-Control-Request-Method': 'GET' };
  return app.request('/', { method: 'OPTIONS', headers });
}

test('there is no HSTS where PUBLIC_URL is http', async () => {
  const { 'strict-transport-security': _, ...expected } = ALWAYS;
  const response = await createTestApp().app.request('/', { headers: HTML });
  const headers = Object.fromEntries(response.headers);
  for (const name of OWN) delete headers[name];
  expect(headers).toEqual(expected);
});

test('cookies are HttpOnly, Secure and SameSite=Lax', async () => {
  const settings = await app.request('/settings', {
    method: 'POST',
    body: new URLSearchParams({ language: 'en', theme: 'dark' }),
  });
  const responses = [await app.request('/login'), await comeBack(), settings];
  const cookies = responses.flatMap((response) => response.headers.getSetCookie());
  const names = cookies.map((it) => it.split('=', 1)[0]!.replace(/-state-.*/, '-state'));
  expect(names).toEqual(['__Host-state', '__Host-state', 'userId', 'language', 'theme']);
  for (const cookie of cookies) {
    const path = cookie.startsWith('__Host-') ? '/' : '/memo';
    expect(cookie.endsWith(`; Path=${path}; HttpOnly; Secure; SameSite=Lax`)).toBe(true);
  }
});
