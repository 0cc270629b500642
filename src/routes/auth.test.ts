import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type NaverStandIn, startNaverStandIn } from '../../scripts/naver.ts';
import { startRedis } from '../../scripts/redis.ts';
import { createMemoStore } from '../store/memos.ts';
import { createSessionStore, pseudonymOf, randomToken } from '../store/sessions.ts';
import { createTestApp, newId, ORIGIN, type TestAppOptions } from '../testing/app.ts';

const PREFIXED = 'https://memo.example.com/my/memo';
const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8';

let naver: NaverStandIn;

beforeAll(async () => {
  naver = await startNaverStandIn({
    callbackUrls: [`${ORIGIN}/oauth2`, `${PREFIXED}/oauth2`],
    clientId: 'id',
    clientSecret: 'secret',
  });
});

beforeEach(() => {
  naver.misbehave('token', 'ok');
  naver.misbehave('profile', 'ok');
  naver.answerTokenWith(undefined);
});

afterAll(() => naver.close());

/** The app, with the stand-in as Naver. */
const createApp = ({ env = {}, deps = {} }: TestAppOptions = {}) =>
  createTestApp({ env: { NAVER_AUTH_URL: naver.url, NAVER_API_URL: naver.url, ...env }, deps });

type App = ReturnType<typeof createApp>['app'];

interface Cookie {
  name: string;
  value: string;
  host: string;
  path: string;
  secure: boolean;
}

/** A browser that keeps cookies by host and path, and does not follow redirects. */
function openBrowser(app: App, language = 'ko') {
  const jar: Cookie[] = [];

  const fits = (cookie: Cookie, { hostname, pathname, protocol }: URL) =>
    cookie.host === hostname &&
    (cookie.path === '/' ||
      pathname === cookie.path ||
      pathname.startsWith(`${cookie.path.replace(/\/$/, '')}/`)) &&
    (!cookie.secure || protocol === 'https:');

  function keep(url: URL, setCookie: string) {
    const [pair = '', ...rest] = setCookie.split('; ');
    const attributes = new Map(
      rest.map((attribute) => {
        const [name = '', value = ''] = attribute.split('=', 2);
        return [name.toLowerCase(), value] as const;
      }),
    );
    const [name, value] = [pair.split('=', 1)[0]!, pair.slice(pair.indexOf('=') + 1)];
    const path = attributes.get('path') ?? '/';
    const before = jar.findIndex((it) => it.name === name && it.path === path);
    if (before >= 0) jar.splice(before, 1);
    if (attributes.get('max-age') === '0') return;
    // Browsers enforce what the name promises (RFC 6265bis §4.1.3.2).
    const isHosts = attributes.has('secure') && path === '/' && !attributes.has('domain');
    if (name.startsWith('__Host-') && !(isHosts && url.protocol === 'https:')) return;
    jar.push({ name, value, host: url.hostname, path, secure: attributes.has('secure') });
  }

  /** One request: no redirect is followed. */
  async function open(address: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(address);
    const cookies = jar.filter((cookie) => fits(cookie, url));
    const response = await app.request(address, {
      ...init,
      headers: {
        Accept: HTML,
        'Accept-Language': language,
        ...(cookies.length > 0 && {
          Cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; '),
        }),
        ...init.headers,
      },
    });
    for (const setCookie of response.headers.getSetCookie()) keep(url, setCookie);
    return response;
  }

  /** Begins a login. @returns the address of Naver's page */
  async function begin(site = ORIGIN, init: RequestInit = {}): Promise<URL> {
    const response = await open(`${site}/login`, init);
    expect(response.status).toBe(302);
    return new URL(response.headers.get('Location')!);
  }

  const cookie = (name: string) => jar.find((it) => it.name === name)?.value;

  return {
    jar,
    open,
    begin,
    cookie,
    states: () => jar.filter(({ name }) => /^(?:__Host-)?state-/.test(name)),
    /** A whole login. @returns the callback's address and the response to it */
    async logIn(name: string, site = ORIGIN) {
      const callback = await consent(await begin(site), { name });
      return { callback, response: await open(callback) };
    },
    /** The name on the page; undefined on the invitation. */
    async readName(site = ORIGIN) {
      const html = await (await open(`${site}/`)).text();
      return /<span class="name">([^<]*)</.exec(html)?.[1];
    },
  };
}

/** Reads the form on Naver's page and submits it. @returns the callback's address */
async function consent(authorizeUrl: URL, { name = '김메모', decision = 'agree' } = {}) {
  const page = await fetch(authorizeUrl);
  expect(page.status).toBe(200);
  const hidden = Array.from(
    (await page.text()).matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g),
    ([, field, value]) => [field!, value!],
  );
  const response = await fetch(`${naver.url}/oauth2.0/consent`, {
    method: 'POST',
    body: new URLSearchParams([...hidden, ['name', name], ['share', 'on'], ['decision', decision]]),
    redirect: 'manual',
  });
  return response.headers.get('Location')!;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
/** The stand-in's id of a person. */
const idOf = (name: string) => createHash('sha256').update(`id\n${name}`).digest('base64url');
const newName = () => `메모 ${newId()}`;

/** Asserts a page that says what happened and has a login link. */
async function expectLoginPage(response: Response, status: number, text: string, site = ORIGIN) {
  expect(response.status).toBe(status);
  expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
  expect(response.headers.get('Cache-Control')).toBe('private, no-store');
  const html = await response.text();
  expect(html).toContain(text);
  expect(html).toContain(`href="${site}/login"`);
}

describe('a login', () => {
  test('leads to the person’s page and stores the user as exactly {"id","name"}', async () => {
    const { app, redis } = createApp();
    const browser = openBrowser(app);
    const name = newName();
    expect(await browser.readName()).toBeUndefined();

    const { response } = await browser.logIn(name);
    expect(response.status).toBe(302);
    expect(response.headers.get('Location')).toBe('/');
    expect(await browser.readName()).toBe(name);

    const id = idOf(name);
    expect(await redis.get(`user:${id}`)).toBe(`{"id":"${id}","name":"${name}"}`);
    const hash = sha256(browser.cookie('userId')!);
    expect(await redis.smembers(`user:${id}:sessions`)).toEqual([hash]);
    expect(JSON.parse((await redis.get(`session:${hash}`))!)).toMatchObject({ user: id });
    expect(browser.states()).toEqual([]);
  });

  test('sets a cookie with its state for ten minutes', async () => {
    const { app } = createApp();
    const response = await app.request('/login');
    const [cookie, ...more] = response.headers.getSetCookie();
    const state = new URL(response.headers.get('Location')!).searchParams.get('state')!;
    expect(more).toEqual([]);
    expect(state).toMatch(/^[\w-]{43}$/);
    expect(cookie!.split('; ').sort()).toEqual([
      'HttpOnly',
      'Max-Age=600',
      'Path=/oauth2',
      'SameSite=Lax',
      `state-${state.slice(0, 8)}=${state}`,
    ]);
    expect(response.headers.get('Cache-Control')).toBe('private, no-store');
    const another = await app.request('/login');
    expect(another.headers.get('Location')).not.toContain(state);
  });

  test('sets the state’s cookie with the prefix __Host- on https', async () => {
    const { app } = createApp({ env: { PUBLIC_URL: PREFIXED } });
    const response = await app.request(`${PREFIXED}/login`);
    const [cookie, ...more] = response.headers.getSetCookie();
    const state = new URL(response.headers.get('Location')!).searchParams.get('state')!;
    expect(more).toEqual([]);
    expect(cookie!.split('; ').sort()).toEqual([
      'HttpOnly',
      'Max-Age=600',
      'Path=/',
      'SameSite=Lax',
      'Secure',
      `__Host-state-${state.slice(0, 8)}=${state}`,
    ]);
  });

  test('sets the userId cookie for the whole host', async () => {
    const { response } = await openBrowser(createApp().app).logIn(newName());
    const cookie = response.headers.getSetCookie().find((it) => it.startsWith('userId='))!;
    const [pair, ...attributes] = cookie.split('; ');
    expect(pair).toMatch(/^userId=[\w-]{43}$/);
    expect(attributes.sort()).toEqual([
      'HttpOnly',
      `Max-Age=${180 * 24 * 60 * 60}`,
      'Path=/',
      'SameSite=Lax',
    ]);
  });

  test('stays under the prefix, with Secure cookies on https', async () => {
    const { app } = createApp({ env: { PUBLIC_URL: PREFIXED } });
    const browser = openBrowser(app);
    const name = newName();
    const { response } = await browser.logIn(name, PREFIXED);
    expect(response.headers.get('Location')).toBe('/my/memo/');
    const session = response.headers.getSetCookie().find((it) => it.startsWith('userId='))!;
    expect(session.split('; ')).toEqual(
      expect.arrayContaining(['Path=/my/memo', 'Secure', 'HttpOnly', 'SameSite=Lax']),
    );
    expect(await browser.readName(PREFIXED)).toBe(name);
    expect(browser.states()).toEqual([]);
    // The page without the slash is the same page.
    const page = await browser.open(PREFIXED);
    expect(await page.text()).toContain(`<span class="name">${name}</span>`);
  });

  test('works behind a proxy that strips the prefix', async () => {
    const { app } = createApp({ env: { PUBLIC_URL: PREFIXED, BASE_PATH: '/' } });
    const login = await app.request('/login');
    const callback = new URL(await consent(new URL(login.headers.get('Location')!)));
    expect(callback.pathname).toBe('/my/memo/oauth2');
    const cookie = login.headers.getSetCookie()[0]!.split(';', 1)[0]!;
    const response = await app.request(`/oauth2${callback.search}`, {
      headers: { Cookie: cookie },
    });
    expect(response.status).toBe(302);
    expect(response.headers.get('Location')).toBe('/my/memo/');
    expect(response.headers.getSetCookie().join()).toContain('Path=/my/memo;');
  });

  test.each([
    ['without a prefix', ORIGIN],
    ['with a prefix', PREFIXED],
  ])('comes back to PUBLIC_URL %s, whatever the request’s headers claim', async (_, site) => {
    const { app } = createApp({ env: { PUBLIC_URL: site } });
    const path = new URL(site).pathname.replace(/\/$/, '');
    for (const headers of [
      { Host: 'evil.example' },
      { 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'ftp' },
      { Forwarded: 'host=evil.example;proto=http', 'X-Original-URL': '//evil.example' },
      { Referer: 'https://evil.example/', Origin: 'https://evil.example' },
    ] as Record<string, string>[]) {
      const response = await app.request(`http://evil.example${path}/login`, { headers });
      const url = new URL(response.headers.get('Location')!);
      expect(url.origin).toBe(naver.url);
      expect(url.searchParams.get('redirect_uri')).toBe(`${site}/oauth2`);
      expect([...response.headers].join()).not.toContain('evil');
    }
  });

  test('that begins on 127.0.0.1 ends on localhost, where the invitation’s link leads', async () => {
    const { app } = createApp();
    const browser = openBrowser(app);
    const name = newName();
    const invitation = await (await browser.open('http://127.0.0.1:8000/')).text();
    const link = /<a class="naver" href="([^"]*)"/.exec(invitation)![1]!;
    expect(link).toBe(`${ORIGIN}/login`);

    const login = await browser.open(link);
    await browser.open(await consent(new URL(login.headers.get('Location')!), { name }));
    expect(await browser.readName()).toBe(name);
    expect(browser.jar.map(({ host }) => host)).toEqual(['localhost']);
  });

  test('works in two tabs at once', async () => {
    const { app, redis } = createApp();
    const browser = openBrowser(app);
    const name = newName();
    const first = await browser.begin();
    const second = await browser.begin();
    expect(browser.states()).toHaveLength(2);

    // They end in another order than they began.
    for (const url of [second, first]) {
      const response = await browser.open(await consent(url, { name }));
      expect(response.status).toBe(302);
      expect(await browser.readName()).toBe(name);
    }
    expect(browser.states()).toEqual([]);
    // The later login replaced the session of the earlier one.
    expect(await redis.smembers(`user:${idOf(name)}:sessions`)).toEqual([
      sha256(browser.cookie('userId')!),
    ]);
  });

  test('ends the session that the browser had before', async () => {
    const { app, redis } = createApp();
    const browser = openBrowser(app);
    const [first, second] = [newName(), newName()];
    await browser.logIn(first);
    const old = browser.cookie('userId')!;
    await browser.logIn(second);
    expect(await browser.readName()).toBe(second);
    expect(browser.cookie('userId')).not.toBe(old);

    const response = await app.request('/memo', {
      headers: { Cookie: `userId=${old}`, Accept: 'application/json' },
    });
    expect(response.status).toBe(401);
    expect(await redis.exists(`session:${sha256(old)}`)).toBe(0);
    expect(await redis.scard(`user:${idOf(first)}:sessions`)).toBe(0);
  });

  test('leaves the person’s other devices logged in', async () => {
    const { app } = createApp();
    const [phone, laptop] = [openBrowser(app), openBrowser(app)];
    const name = newName();
    await phone.logIn(name);
    await laptop.logIn(name);
    expect(await phone.readName()).toBe(name);
    expect(await laptop.readName()).toBe(name);
  });

  test('leaves no token, code or state in Redis', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'memo-auth-'));
    const own = await startRedis({ dir });
    const redis = new Redis(own.url);
    try {
      const secrets: string[] = [];
      const config = { sessions: createSessionStore(redis), memos: createMemoStore(redis) };
      const { app } = createApp({ deps: config });
      const browser = openBrowser(app);
      for (let i = 0; i < 2; i++) {
        const { callback } = await browser.logIn('김메모');
        const query = new URL(callback).searchParams;
        secrets.push(browser.cookie('userId')!, query.get('code')!, query.get('state')!);
      }
      await browser.open(await consent(await browser.begin(), { decision: 'cancel' }));

      const keys = (await redis.keys('*')).sort();
      const dump = await Promise.all(
        keys.map(async (key) =>
          (await redis.type(key)) === 'set' ? redis.smembers(key) : redis.get(key),
        ),
      );
      const everything = JSON.stringify([keys, dump]);
      expect(secrets).toHaveLength(6);
      for (const secret of secrets) expect(everything).not.toContain(secret);
      expect(everything).not.toContain('AAAA+/'); // how Naver's tokens begin here
      // One person, one list of sessions, one session, and three states that were used.
      expect(keys.map((key) => key.replace(/:[\w-]{43,64}/, ''))).toEqual([
        'session',
        'state',
        'state',
        'state',
        'user',
        'user:sessions',
      ]);
      expect(await redis.ttl(keys[0]!)).toBeGreaterThan(0);
      expect(await redis.ttl(keys[1]!)).toBeGreaterThan(0);
    } finally {
      redis.disconnect();
      await own.stop();
      await rm(dir, { recursive: true });
    }
  });

  test('is logged without its code, state, cookie and secret', async () => {
    const { app, log } = createApp();
    const browser = openBrowser(app);
    const { callback } = await browser.logIn(newName());
    await browser.open(`${ORIGIN}/oauth2?state=${randomToken()}&code=c`);
    const query = new URL(callback).searchParams;
    const all = log.join('\n');
    expect(all).toContain('"path":"/oauth2"');
    for (const secret of [
      query.get('code')!,
      query.get('state')!,
      browser.cookie('userId')!,
      'AAAA+/',
      '"secret"',
    ]) {
      expect(all).not.toContain(secret);
    }
  });
});

describe('the login limit', () => {
  /** An app, and a client address of its own, where ten logins can begin at once. */
  function createLimitedApp() {
    const { app } = createApp({ env: { LOGINS_PER_MINUTE: '20', TRUST_PROXY: '1' } });
    const network = crypto.randomUUID().slice(0, 4);
    return { app, address: { 'X-Forwarded-For': `2001:db8:${network}::1` } };
  }

  const NAVIGATION = {
    'Sec-Fetch-Mode': 'navigate',
    'Sec-Fetch-Dest': 'document',
    'Sec-Fetch-Site': 'cross-site', // as Naver's redirect is
  };

  test.each<[string, Record<string, string>]>([
    ['an image', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' }],
    ['a script’s request', { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }],
    ['a frame', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' }],
    ['an object', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'object' }],
    ['a prefetch', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Purpose': 'prefetch' }],
    ['a page that is prerendered', { ...NAVIGATION, 'Sec-Purpose': 'prefetch;prerender' }],
    ['a request with another Sec-Fetch-Mode', { 'Sec-Fetch-Mode': 'websocket' }],
    ['a request with another Sec-Fetch-Dest', { 'Sec-Fetch-Dest': 'empty' }],
  ])('does not count %s, which any site can embed', async (_, headers) => {
    const { app, address } = createLimitedApp();
    for (const path of ['/login', `/oauth2?state=${randomToken()}&code=c`]) {
      for (let i = 0; i < 30; i++) {
        const response = await app.request(path, { headers: { ...address, ...headers } });
        expect(response.status).toBe(400);
        expect(await response.json()).toMatchObject({ code: 'bad-request' });
        expect(response.headers.getSetCookie()).toEqual([]);
      }
    }
    const browser = openBrowser(app);
    const init = { headers: { ...address, ...NAVIGATION } };
    const name = newName();
    await browser.open(await consent(await browser.begin(ORIGIN, init), { name }), init);
    expect(await browser.readName()).toBe(name);
  });

  test.each<[string, Record<string, string>]>([
    ['a link or a redirect', NAVIGATION],
    ['a navigation that a service worker forwards', { ...NAVIGATION, 'Sec-Fetch-Dest': 'empty' }],
    ['a request without Sec-Fetch headers', {}],
  ])('counts %s', async (_, headers) => {
    const { app, address } = createLimitedApp();
    const init = { headers: { ...address, ...headers } };
    const statuses = [];
    for (let i = 0; i < 12; i++) statuses.push((await app.request('/login', init)).status);
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(302));
    expect(statuses.at(-1)).toBe(429);
  });
});

test('the log tells logins, repeated callbacks and logouts apart, with the person’s pseudonym', async () => {
  const { app, log } = createApp();
  const browser = openBrowser(app);
  const name = newName();
  const { callback } = await browser.logIn(name);
  await browser.open(callback);
  await openBrowser(app).open(callback);
  await browser.open(`${ORIGIN}/oauth2?state=${randomToken()}&error=access_denied`);
  await openBrowser(app).open(`${ORIGIN}/oauth2?state=${randomToken()}&code=c`);
  // Another person logs in at the same browser.
  const [other, before] = [newName(), log.length];
  await browser.logIn(other);
  await browser.open(`${ORIGIN}/logout`, { method: 'POST' });

  const read = (line: string) => {
    const { path, status, event, reason, person } = JSON.parse(line);
    return [path, status, event ?? reason, person];
  };
  const [me, them] = [name, other].map((it) => pseudonymOf(idOf(it)));
  expect(log.slice(0, before).map(read)).toEqual([
    ['/login', 302, undefined, undefined],
    ['/oauth2', 302, 'login', me],
    ['/oauth2', 302, 'login-repeated', me],
    ['/oauth2', 302, 'login-repeated', undefined],
    ['/oauth2', 302, 'login-repeated', me],
    ['/oauth2', 400, 'login-expired', undefined],
  ]);
  expect(log.slice(before).map(read)).toEqual([
    ['/login', 302, undefined, undefined],
    ['/oauth2', 302, 'login', them],
    ['/logout', 303, 'logout', them],
  ]);
});

describe('a callback that is opened again', () => {
  test('by a reload shows the page, without a request to Naver', async () => {
    const { app, redis } = createApp();
    const browser = openBrowser(app);
    const name = newName();
    const { callback } = await browser.logIn(name);
    const cookie = browser.cookie('userId');
    const calls = { ...naver.calls };
    for (let i = 0; i < 3; i++) {
      const response = await browser.open(callback);
      expect(response.status).toBe(302);
      expect(response.headers.get('Location')).toBe('/');
    }
    expect(naver.calls).toEqual(calls);
    expect(browser.cookie('userId')).toBe(cookie);
    expect(await browser.readName()).toBe(name);
    expect(await redis.scard(`user:${idOf(name)}:sessions`)).toBe(1);
  });

  test('at the same moment logs in once', async () => {
    const { app, redis } = createApp();
    const browser = openBrowser(app);
    const name = newName();
    const callback = await consent(await browser.begin(), { name });
    const { token } = naver.calls;
    const responses = await Promise.all([1, 2, 3].map(() => browser.open(callback)));
    expect(responses.map(({ status }) => status)).toEqual([302, 302, 302]);
    expect(responses.map(({ headers }) => headers.get('Location'))).toEqual(['/', '/', '/']);
    expect(naver.calls.token).toBe(token + 1);
    expect(await browser.readName()).toBe(name);
    expect(await redis.scard(`user:${idOf(name)}:sessions`)).toBe(1);
  });

  test('after logging out logs nobody in', async () => {
    const { app } = createApp();
    const browser = openBrowser(app);
    const { callback } = await browser.logIn(newName());
    await browser.open(`${ORIGIN}/logout`, { method: 'POST' });
    const { token } = naver.calls;
    expect((await browser.open(callback)).headers.get('Location')).toBe('/');
    expect(await browser.readName()).toBeUndefined();
    expect(naver.calls.token).toBe(token);
  });

  test('in another browser logs nobody in', async () => {
    const { app } = createApp();
    const { callback } = await openBrowser(app).logIn(newName());
    const thief = openBrowser(app);
    await thief.open(callback);
    expect(thief.cookie('userId')).toBeUndefined();

    // Nor with a cookie that they made up.
    const state = new URL(callback).searchParams.get('state')!;
    const { token } = naver.calls;
    const response = await app.request(callback, {
      headers: { Cookie: `state-${state.slice(0, 8)}=${state}` },
    });
    expect(response.headers.getSetCookie().join()).not.toContain('userId=');
    expect(naver.calls.token).toBe(token);
  });
});

describe('a state', () => {
  /** Asserts that this callback logs nobody in, and that Naver is not asked. */
  async function expectRefused(app: App, url: string, cookies: string[] = []) {
    const { token } = naver.calls;
    const response = await app.request(url, {
      headers: { Accept: HTML, ...(cookies.length > 0 && { Cookie: cookies.join('; ') }) },
    });
    expect(response.headers.getSetCookie().join()).not.toContain('userId=');
    expect(naver.calls.token, url).toBe(token);
    await expectLoginPage(response, 400, '로그인이 완료되지 않았습니다');
  }

  test('of another browser is refused, and can still be used in its own', async () => {
    const { app } = createApp();
    const [mine, theirs] = [openBrowser(app), openBrowser(app)];
    const name = newName();
    const callback = await consent(await mine.begin(), { name });

    await theirs.begin();
    const response = await theirs.open(callback);
    await expectLoginPage(response, 400, '로그인이 완료되지 않았습니다');
    expect(theirs.cookie('userId')).toBeUndefined();
    // Their own login is still under way.
    expect(theirs.states()).toHaveLength(1);

    expect((await mine.open(callback)).status).toBe(302);
    expect(await mine.readName()).toBe(name);
  });

  test('that is missing, malformed or invented is refused', async () => {
    const { app } = createApp();
    const browser = openBrowser(app);
    const code = new URL(await consent(await browser.begin())).searchParams.get('code');
    const [{ name, value }] = browser.states() as [Cookie];
    const cookies = [`${name}=${value}`];
    const invented = randomToken();
    for (const state of [
      '',
      '?state=',
      '?state',
      '?state=x',
      `?state=${value.slice(0, 42)}`,
      `?state=${value}A`,
      `?state=${value}%00`,
      `?state=%20${value}`,
      `?state=${value.slice(0, 8)}${invented.slice(8)}`,
      `?state[]=${value}`,
      `?state=x&state=${value}`,
      `?state=${invented}&state=${value}`,
      `?State=${value}`,
      `?state=${'A'.repeat(10_000)}`,
    ]) {
      await expectRefused(app, `${ORIGIN}/oauth2${state}${state ? '&' : '?'}code=${code}`, cookies);
    }
    for (const cookie of [
      [],
      [`${name}=`],
      [`${name}=x`],
      [`state=${value}`],
      [`state-=${value}`],
      [`state-${invented.slice(0, 8)}=${value}`],
      [`${name}=${value.slice(0, 42)}${value.endsWith('A') ? 'E' : 'A'}`],
    ]) {
      await expectRefused(app, `${ORIGIN}/oauth2?state=${value}&code=${code}`, cookie);
    }
    // The person's own login still works.
    const response = await browser.open(`${ORIGIN}/oauth2?state=${value}&code=${code}`);
    expect(response.status).toBe(302);
    expect(browser.cookie('userId')).toBeDefined();
  });

  test('that does not match its cookie deletes the cookie', async () => {
    const { app } = createApp();
    const state = randomToken();
    const name = `state-${state.slice(0, 8)}`;
    const response = await app.request(`${ORIGIN}/oauth2?state=${state}&code=x`, {
      headers: { Accept: HTML, Cookie: `${name}=${state.slice(0, 8)}${randomToken().slice(8)}` },
    });
    expect(response.status).toBe(400);
    const [cookie, ...more] = response.headers.getSetCookie();
    expect(cookie!.split('; ').sort()).toEqual([
      'HttpOnly',
      'Max-Age=0',
      'Path=/oauth2',
      'SameSite=Lax',
      `${name}=`,
    ]);
    expect(more).toEqual([]);
  });

  test('in a cookie that another host of the domain could have set is refused on https', async () => {
    const { app } = createApp({ env: { PUBLIC_URL: PREFIXED } });
    const attacker = openBrowser(app);
    // The attacker's own login, up to the address that would finish it.
    const callback = await consent(await attacker.begin(PREFIXED), { name: newName() });
    const [{ name, value }] = attacker.states() as [Cookie];
    expect(name).toBe(`__Host-state-${value.slice(0, 8)}`);
    const victim = openBrowser(app);
    const { host } = new URL(PREFIXED);
    for (const path of ['/', '/my/memo/oauth2']) {
      victim.jar.push({ name: name.replace('__Host-', ''), value, host, path, secure: true });
    }
    const { token } = naver.calls;
    const response = await victim.open(callback);
    await expectLoginPage(response, 400, '로그인이 완료되지 않았습니다', PREFIXED);
    expect(victim.cookie('userId')).toBeUndefined();
    expect(naver.calls.token).toBe(token);

    expect((await attacker.open(callback)).status).toBe(302);
    expect(attacker.cookie('userId')).toBeDefined();
  });

  test('without a valid code leads to a page with a login link', async () => {
    const { app } = createApp();
    const browser = openBrowser(app);
    for (const query of ['', '&code=', '&code[]=x', '&code=invented', '&code=a&code=b']) {
      const state = (await browser.begin()).searchParams.get('state');
      const response = await browser.open(`${ORIGIN}/oauth2?state=${state}${query}`);
      await expectLoginPage(response, 400, '로그인이 완료되지 않았습니다');
      expect(browser.states()).toEqual([]);
    }
    expect(browser.cookie('userId')).toBeUndefined();
  });
});

describe('a login that fails at Naver', () => {
  test('because the person refused leads to a page that says so, and uses up its state', async () => {
    const { app, redis } = createApp();
    const browser = openBrowser(app);
    const url = await browser.begin();
    const state = url.searchParams.get('state')!;
    const callback = await consent(url, { decision: 'cancel' });
    const { token } = naver.calls;

    await expectLoginPage(await browser.open(callback), 403, '로그인을 취소했습니다');
    expect(browser.states()).toEqual([]);
    expect(await redis.exists(`state:${sha256(state)}`)).toBe(1);
    expect(naver.calls.token).toBe(token);

    // Also with the state's cookie put back, a code is not accepted.
    const code = new URL(await consent(await browser.begin())).searchParams.get('code');
    const response = await app.request(`/oauth2?state=${state}&code=${code}`, {
      headers: { Cookie: `state-${state.slice(0, 8)}=${state}` },
    });
    expect(response.headers.getSetCookie().join()).not.toContain('userId=');
    expect(naver.calls.token).toBe(token);
  });

  test('leaves the browser’s session as it was', async () => {
    const { app } = createApp();
    const browser = openBrowser(app);
    const name = newName();
    await browser.logIn(name);
    await browser.open(await consent(await browser.begin(), { decision: 'cancel' }));
    naver.misbehave('token', '5xx');
    await browser.open(await consent(await browser.begin()));
    expect(await browser.readName()).toBe(name);
  });

  test.each([
    ['access_denied', 403, '로그인을 취소했습니다', true],
    ['invalid_request', 502, '로그인 설정에 문제가 있습니다', false],
    ['unauthorized_client', 502, '로그인 설정에 문제가 있습니다', false],
    ['unsupported_response_type', 502, '로그인 설정에 문제가 있습니다', false],
    ['server_error', 503, '네이버가 응답하지 않습니다', true],
    ['temporarily_unavailable', 503, '네이버가 응답하지 않습니다', true],
    ['constructor', 503, '네이버가 응답하지 않습니다', true],
    ['__proto__', 503, '네이버가 응답하지 않습니다', true],
    ['', 503, '네이버가 응답하지 않습니다', true],
  ])('with the error "%s" gets %i: %s', async (error, status, text, again) => {
    const { app } = createApp();
    const browser = openBrowser(app);
    const state = (await browser.begin()).searchParams.get('state')!;
    const query = new URLSearchParams({
      error,
      error_description: '<b>planted</b>',
      state,
      code: 'beside-the-error',
    });
    const { token } = naver.calls;
    const response = await browser.open(`${ORIGIN}/oauth2?${query}`);
    expect(response.status).toBe(status);
    const html = await response.text();
    expect(html).toContain(text);
    expect(html).not.toContain('planted');
    expect(html.includes(`href="${ORIGIN}/login"`)).toBe(again);
    expect(naver.calls.token).toBe(token);
    expect(browser.states()).toEqual([]);
  });

  test('without a state of this browser is refused', async () => {
    const response = await createApp().app.request(
      `/oauth2?error=access_denied&state=${randomToken()}`,
      { headers: { Accept: HTML } },
    );
    await expectLoginPage(response, 400, '로그인이 완료되지 않았습니다');
  });

  test.each([
    ['token', '5xx'],
    ['token', 'malformed'],
    ['profile', '4xx'],
    ['profile', '5xx'],
  ] as const)(
    'because the %s endpoint responds with %s gets Retry-After',
    async (endpoint, how) => {
      const { app, log } = createApp();
      const browser = openBrowser(app);
      naver.misbehave(endpoint, how);
      const { response } = await browser.logIn(newName());
      expect(response.headers.get('Retry-After')).toMatch(/^\d+$/);
      await expectLoginPage(response, 503, '네이버가 응답하지 않습니다');
      expect(browser.jar).toEqual([]);
      // The log tells the operator why.
      expect(log.at(-1)).toMatch(/"level":"warn".*"status":503.*"reason":"[^"]/);

      naver.misbehave(endpoint, 'ok');
      const name = newName();
      await browser.logIn(name);
      expect(await browser.readName()).toBe(name);
    },
  );

  test('because the client secret is wrong asks the person to tell the operator', async () => {
    const { app, log } = createApp({ env: { NAVER_CLIENT_SECRET: 'outdated' } });
    const { response } = await openBrowser(app).logIn(newName());
    expect(response.status).toBe(502);
    expect(await response.text()).toContain('운영자에게 알려 주세요');
    expect(log.at(-1)).toContain('client id or secret');
    expect(log.join()).not.toContain('outdated');
  });
});

describe('a failed login is explained', () => {
  const refuse = async (headers: Record<string, string>) =>
    createApp().app.request('/oauth2?state=x', { headers });

  test('in the browser’s language', async () => {
    for (const [language, lang, text] of [
      ['ko-KR,ko;q=0.9,en;q=0.8', 'ko', '로그인이 완료되지 않았습니다'],
      ['en-US,en;q=0.9,ko;q=0.8', 'en', 'The login was not completed'],
      ['de,en;q=0.5,ko;q=0.4', 'en', 'The login was not completed'],
      ['de', 'ko', '로그인이 완료되지 않았습니다'],
    ]) {
      const response = await refuse({ Accept: HTML, 'Accept-Language': language! });
      const html = await response.text();
      expect(html).toContain(`<html lang="${lang}">`);
      expect(html).toContain(text);
    }
  });

  test('to a program as problem+json', async () => {
    const response = await refuse({ Accept: 'application/json', 'Accept-Language': 'en' });
    expect(response.status).toBe(400);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'The login was not completed',
      status: 400,
      detail: 'It took too long or was begun elsewhere. Please log in again.',
      code: 'login-expired',
    });
  });
});

describe('the userId cookie', () => {
  /** Whether the page and the API take these cookies for a login. */
  async function isLoggedIn(app: App, cookie: string, site = ORIGIN) {
    const page = await (await app.request(`${site}/`, { headers: { Cookie: cookie } })).text();
    const memos = await app.request(`${site}/memo`, {
      headers: { Cookie: cookie, Accept: 'application/json' },
    });
    expect(memos.status).toBe(page.includes('class="name"') ? 200 : 401);
    return memos.status === 200;
  }

  test('with a raw user id, as memo.py set it, logs nobody in', async () => {
    const { app, redis } = createApp();
    const name = newName();
    const browser = openBrowser(app);
    await browser.logIn(name);
    // Naver's ids can look like our tokens.
    expect(idOf(name)).toMatch(/^[\w-]{43}$/);
    for (const id of [idOf(name), newId(), '32742776']) {
      await redis.set(`user:${id}`, JSON.stringify({ id, name }));
      expect(await isLoggedIn(app, `userId=${id}`)).toBe(false);
    }
    expect(await isLoggedIn(app, `userId=${browser.cookie('userId')}`)).toBe(true);
  });

  /** The sentence of the invitation about several cookies. */
  const SEVERAL = {
    ko: '이 브라우저에 로그인 쿠키가 여러 개 있어',
    en: 'This browser has several login cookies',
  };

  test('is used if other cookies of its name are no sessions', async () => {
    const { app, logIn } = createApp();
    const { cookie: mine } = await logIn();
    const others = Array.from({ length: 7 }, () => `userId=${randomToken()}`);
    for (const cookies of [
      mine,
      `theme=dark; ${mine}; xuserId=1; userId2=2`,
      `userId=; ${mine}`,
      `${mine};userId=`,
      `userId=32742776; ${mine}`, // as memo.py set it
      `${mine}; ${mine}`,
      `${others[0]}; ${mine}`,
      [...others.slice(0, 4), mine, ...others.slice(4)].join('; '),
      Array(100).fill(mine).join('; '),
      [mine, ...Array.from({ length: 100 }, (_, i) => `userId=${i}`)].join('; '),
    ]) {
      expect(await isLoggedIn(app, cookies), cookies).toBe(true);
    }
  });

  test('is not used beside that of another session, and the page says why', async () => {
    const { app, logIn } = createApp();
    const [mine, planted] = [(await logIn()).cookie, (await logIn()).cookie];
    const others = Array.from({ length: 8 }, () => `userId=${randomToken()}`);
    for (const Cookie of [
      `${mine}; ${planted}`,
      `${planted};${mine}`,
      `${mine}; ${planted}; ${mine}`,
      `${others[0]}; ${planted}; userId=1; ${mine}`,
      // More than are looked up.
      [mine, ...others].join('; '),
      [...others, mine].join('; '),
    ]) {
      expect(await isLoggedIn(app, Cookie), Cookie).toBe(false);
      for (const [language, sentence] of Object.entries(SEVERAL)) {
        const headers = { Cookie, 'Accept-Language': language };
        const page = await (await app.request('/', { headers })).text();
        expect(page).toContain(sentence);
        expect(page).toContain(`href="${ORIGIN}/login"`);
      }
    }
    const none = await (await app.request('/', { headers: { Cookie: others[0]! } })).text();
    expect(none).not.toContain(SEVERAL.ko);
  });

  test('is looked up once, and not at all if there are nine of its name', async () => {
    const { sessions, logIn } = createApp();
    const { cookie: mine } = await logIn();
    const asked: string[] = [];
    const find = (token: string) => {
      asked.push(token);
      return sessions.find(token);
    };
    const { app } = createApp({ deps: { sessions: { ...sessions, find } } });
    await app.request('/', { headers: { Cookie: `${mine}; theme=dark` } });
    expect(asked).toEqual([mine.slice('userId='.length)]);
    const many = Array.from({ length: 9 }, () => `userId=${randomToken()}`).join('; ');
    await app.request('/', { headers: { Cookie: many } });
    expect(asked).toHaveLength(1);
  });

  test('that an attacker planted is harmless after the next login', async () => {
    const { app, logIn } = createApp({ env: { PUBLIC_URL: PREFIXED } });
    const browser = openBrowser(app);
    const name = newName();
    await browser.logIn(name, PREFIXED);
    const old = browser.cookie('userId')!;
    const attacker = await logIn();
    const value = attacker.cookie.slice('userId='.length);
    const { host } = new URL(PREFIXED);
    // As another host of the domain can set it; our responses cannot delete such a cookie.
    browser.jar.push({ name: 'userId', value, host, path: '/my', secure: false });
    expect(await browser.readName(PREFIXED)).toBeUndefined();

    await browser.logIn(name, PREFIXED);
    expect(await browser.readName(PREFIXED)).toBe(name);
    expect(browser.jar.filter((cookie) => cookie.name === 'userId')).toHaveLength(2);
    for (const ended of [old, value]) {
      expect(await isLoggedIn(app, `userId=${ended}`, PREFIXED)).toBe(false);
    }
  });

  test('of memo.py, with the path /, is deleted by a login under a prefix', async () => {
    const { app } = createApp({ env: { PUBLIC_URL: PREFIXED } });
    const browser = openBrowser(app);
    const { host } = new URL(PREFIXED);
    browser.jar.push({ name: 'userId', value: newId(), host, path: '/', secure: false });
    const name = newName();
    await browser.logIn(name, PREFIXED);
    expect(await browser.readName(PREFIXED)).toBe(name);
    expect(browser.jar.filter((cookie) => cookie.name === 'userId').length).toBe(1);
  });

  test('that is forged, or whose session has expired or ended, logs nobody in', async () => {
    const { app, redis, sessions } = createApp();
    const user = { id: newId(), name: '김메모' };
    const token = await sessions.begin(user);
    const [expired, ended] = [await sessions.begin(user), await sessions.begin(user)];
    await redis.pexpire(`session:${sha256(expired)}`, 1);
    await expect.poll(() => redis.exists(`session:${sha256(expired)}`)).toBe(0);
    await sessions.end((await sessions.find(ended))!);
    for (const value of [
      '',
      randomToken(),
      sha256(token),
      token.slice(0, -1),
      `${token}A`,
      `"${token}"`,
      encodeURIComponent(`${token}=`),
      expired,
      ended,
      '../session',
      '😀',
    ]) {
      expect(await isLoggedIn(app, encodeURI(`userId=${value}`))).toBe(false);
    }
    expect(await isLoggedIn(app, `userId=${token}`)).toBe(true);
  });
});

describe('logging out', () => {
  test.each([
    ['/', ORIGIN],
    ['/my/memo', PREFIXED],
  ])('ends the session in Redis and clears the cookie of %s', async (path, site) => {
    const { app, redis } = createApp({ env: { PUBLIC_URL: site } });
    const browser = openBrowser(app);
    const name = newName();
    await browser.logIn(name, site);
    const token = browser.cookie('userId')!;

    const response = await browser.open(`${site}/logout`, {
      method: 'POST',
      headers: { 'Sec-Fetch-Site': 'same-origin', Origin: new URL(site).origin },
    });
    expect(response.status).toBe(303);
    expect(response.headers.get('Location')).toBe(path === '/' ? '/' : `${path}/`);
    const [cookie, ...more] = response.headers.getSetCookie();
    expect(more).toEqual([]);
    expect(cookie!.split('; ')).toEqual(
      expect.arrayContaining(['userId=', 'Max-Age=0', `Path=${path}`]),
    );
    expect(browser.jar).toEqual([]);
    expect(await redis.exists(`session:${sha256(token)}`)).toBe(0);
    expect(await redis.scard(`user:${idOf(name)}:sessions`)).toBe(0);
    // A copy of the cookie is of no use.
    const copied = await app.request(`${site}/memo`, {
      headers: { Cookie: `userId=${token}`, Accept: 'application/json' },
    });
    expect(copied.status).toBe(401);
  });

  test('without a login leads to the page', async () => {
    const { app } = createApp();
    for (const headers of [{}, { Cookie: `userId=${randomToken()}` }] as Record<string, string>[]) {
      const response = await app.request('/logout', { method: 'POST', headers });
      expect(response.status).toBe(303);
      expect(response.headers.get('Location')).toBe('/');
    }
  });

  test('is refused for another site, and by GET', async () => {
    const { logIn, redis } = createApp();
    const person = await logIn();
    const hash = sha256(person.cookie.slice('userId='.length));
    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site', Origin: 'http://localhost:8000' },
      { Origin: 'https://evil.example' },
      { Origin: 'http://localhost:8001' },
      { Origin: 'https://localhost:8000' },
      { Origin: 'null' },
    ]) {
      const response = await person.request('/logout', {
        method: 'POST',
        headers: { ...headers, Accept: HTML } as Record<string, string>,
      });
      expect(response.status).toBe(403);
      expect(await response.text()).toContain('다른 사이트에서 보낸 요청이라 거절했습니다');
      expect(response.headers.getSetCookie()).toEqual([]);
    }
    expect((await person.request('/logout')).status).toBe(405);
    expect(await redis.exists(`session:${hash}`)).toBe(1);
  });
});
