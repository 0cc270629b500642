import { describe, expect, test } from 'vitest';
import { MESSAGES } from '../i18n/index.ts';
import { createTestApp, ORIGIN, type TestAppOptions } from '../testing/app.ts';

const KO = MESSAGES.ko.tagline;
const EN = MESSAGES.en.tagline;

/** A browser that keeps all cookies, whatever their path. */
function openBrowser({ env = {} }: TestAppOptions = {}, language = 'ko', site = '') {
  const { app, logIn } = createTestApp({ env });
  const jar = new Map<string, string>();

  async function request(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await app.request(site + path, {
      ...init,
      headers: {
        Accept: 'text/html',
        'Accept-Language': language,
        Cookie: Array.from(jar, (pair) => pair.join('=')).join('; '),
        ...init.headers,
      },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]*)=([^;]*)/.exec(cookie)!;
      jar.set(name!, value!);
    }
    return response;
  }

  return {
    jar,
    logIn,
    request,
    choose: (fields: Record<string, string>, headers: Record<string, string> = {}) =>
      request('/settings', { method: 'POST', body: new URLSearchParams(fields), headers }),
    async read(path = '/') {
      const page = await (await request(path)).text();
      return {
        page,
        language: /<html [^>]*?\blang="([^"]*)"/.exec(page)?.[1],
        theme: /<html [^>]*?\bdata-theme="([^"]*)"/.exec(page)?.[1],
        colorScheme: /<meta name="color-scheme" content="([^"]*)"/.exec(page)?.[1],
        /** the values of the pressed buttons */
        pressed: [...page.matchAll(/<button ([^>]*)aria-pressed="true"/g)].map(
          ([, attributes]) => / value="([^"]*)"/.exec(attributes!)![1],
        ),
      };
    },
  };
}

describe('the language', () => {
  test.each([
    ['fr, en;q=0.1', 'en'],
    ['ko;q=0.1, en', 'en'],
    ['en;q=0', 'ko'],
    ['en;q=0, fr', 'ko'],
  ])('for Accept-Language %s is %s', async (accepted, language) => {
    expect((await openBrowser({}, accepted).read()).language).toBe(language);
  });

  test.each([
    ['ko', 'en', KO, EN],
    ['en', 'ko', EN, KO],
  ])('of a browser that prefers %s can be set to %s', async (asked, chosen, before, after) => {
    const browser = openBrowser({}, `${asked},${chosen};q=0.1`);
    const first = await browser.read();
    expect([first.language, first.pressed]).toEqual([asked, [asked, 'auto']]);
    expect(first.page).toContain(before);

    expect((await browser.choose({ language: chosen })).status).toBe(303);
    const second = await browser.read();
    expect([second.language, second.pressed]).toEqual([chosen, [chosen, 'auto']]);
    expect(second.page).toContain(after);
    expect(second.page).not.toContain(before);

    await browser.choose({ language: asked });
    expect((await browser.read()).language).toBe(asked);
  });

  test('applies to every page, and to problem+json', async () => {
    const browser = openBrowser();
    const { cookie } = await browser.logIn();
    await browser.choose({ language: 'en' });
    browser.jar.set('userId', cookie.slice('userId='.length));
    for (const path of ['/', '/trash', '/nothing']) {
      expect((await browser.read(path)).language).toBe('en');
    }
    const response = await browser.request('/memo/5', { headers: { Accept: 'application/json' } });
    expect((await response.json()).title).toBe(MESSAGES.en.problems['not-found'][0]);
  });
});

describe('the theme', () => {
  test('follows the device until it is set', async () => {
    const browser = openBrowser();
    const seen = async () => {
      const { theme, colorScheme, pressed } = await browser.read();
      return [theme, colorScheme, pressed];
    };
    expect(await seen()).toEqual([undefined, 'light dark', ['ko', 'auto']]);
    for (const theme of ['dark', 'light']) {
      expect((await browser.choose({ theme })).status).toBe(303);
      expect(await seen()).toEqual([theme, theme, ['ko', theme]]);
    }
    await browser.choose({ theme: 'auto' });
    expect(await seen()).toEqual([undefined, 'light dark', ['ko', 'auto']]);
  });

  test('and the language are set independently of each other', async () => {
    const browser = openBrowser();
    await browser.choose({ theme: 'dark' });
    await browser.choose({ language: 'en' });
    expect(Object.fromEntries(browser.jar)).toEqual({ theme: 'dark', language: 'en' });
    const { language, theme } = await browser.read();
    expect([language, theme]).toEqual(['en', 'dark']);
    await browser.choose({ theme: 'light', language: 'ko' });
    expect(Object.fromEntries(browser.jar)).toEqual({ theme: 'light', language: 'ko' });
  });

  test('and the language are kept through a login', async () => {
    const browser = openBrowser();
    await browser.choose({ theme: 'dark', language: 'en' });
    browser.jar.set('userId', (await browser.logIn()).cookie.slice('userId='.length));
    const { page, language, theme } = await browser.read();
    expect(page).toContain('<span class="name">김메모</span>');
    expect([language, theme]).toEqual(['en', 'dark']);
    // And a new choice does not log out.
    const response = await browser.choose({ theme: 'light' });
    expect(response.headers.getSetCookie().join()).not.toContain('userId');
    expect((await browser.read()).page).toContain('김메모');
  });
});

test.each([
  ['unknown values', { language: 'fr', theme: 'neon' }],
  ['empty values', { language: '', theme: '' }],
  ['HTML', { language: '"><script>', theme: '"><script>' }],
  ['names of an object’s properties', { language: '__proto__', theme: 'constructor' }],
])('cookies with %s are ignored', async (_, cookies) => {
  const browser = openBrowser({}, 'en');
  for (const [name, value] of Object.entries(cookies)) browser.jar.set(name, value);
  const { page, language, theme, colorScheme } = await browser.read();
  expect([language, theme, colorScheme]).toEqual(['en', undefined, 'light dark']);
  expect(page).not.toContain('"><script>');
});

describe('a setting is kept for a year, for this path only', () => {
  test.each([
    ['at the root of a host', {}, '', 'Path=/', []],
    ['on https', { PUBLIC_URL: 'https://example.com' }, '', 'Path=/', ['Secure']],
    ['under a prefix', { PUBLIC_URL: 'http://localhost:8000/memo' }, '/memo', 'Path=/memo', []],
    [
      'behind a proxy that strips it',
      { PUBLIC_URL: 'https://example.com/my/memo', BASE_PATH: '/' },
      '',
      'Path=/my/memo',
      ['Secure'],
    ],
  ] as [string, Record<string, string>, string, string, string[]][])(
    '%s',
    async (_, env, base, path, secure) => {
      const browser = openBrowser({ env }, 'ko', base);
      const response = await browser.choose({ language: 'en', theme: 'dark' });
      const cookies = response.headers.getSetCookie().map((cookie) => cookie.split('; ').sort());
      const attributes = ['HttpOnly', `Max-Age=${365 * 24 * 60 * 60}`, path, 'SameSite=Lax'];
      expect(cookies).toEqual([
        [...attributes, ...secure, 'language=en'].sort(),
        [...attributes, ...secure, 'theme=dark'].sort(),
      ]);
      expect(response.headers.get('Cache-Control')).toBe('private, no-store');
    },
  );
});

describe('a change of settings redirects', () => {
  /** The redirect after a change on the page of this address. */
  async function backFrom(
    referer: string | undefined,
    env: Record<string, string> = {},
    base = '',
  ) {
    const browser = openBrowser({ env }, 'ko', base);
    const response = await browser.choose({ theme: 'dark' }, referer ? { Referer: referer } : {});
    expect(response.status).toBe(303);
    expect([...browser.jar]).toEqual([['theme', 'dark']]);
    return response.headers.get('Location');
  }

  test.each([
    '/',
    '/?q=%EC%9A%B0%EC%9C%A0+%26&before=1700000000000000',
    '/?edit=1700000000000000&q=//evil.example',
    '/trash',
    '/trash?confirm=1',
  ])('to the page %s', async (path) => {
    expect(await backFrom(ORIGIN + path)).toBe(path);
  });

  test.each([
    undefined,
    'x',
    '//evil.example/',
    'https://evil.example/',
    'https://evil.example/trash',
    'http://evil.host:8000/trash',
    'http://localhost/trash',
    'https://localhost:8000/trash',
    'http://localhost:80001/trash',
    'http://localhost:8000.evil.example/trash',
    'http://localhost:8000@evil.example/trash',
    `${ORIGIN}//evil.example`,
    `${ORIGIN}//evil.example/?q=x`,
    `${ORIGIN}/\\evil.example`,
    `${ORIGIN}/memo`,
    `${ORIGIN}/memo?q=x`,
    `${ORIGIN}/memo/5`,
    `${ORIGIN}/memo/5/delete`,
    `${ORIGIN}/trash/empty`,
    `${ORIGIN}/trash/`,
    `${ORIGIN}/trashy`,
    `${ORIGIN}/trash/../memo`,
    `${ORIGIN}/oauth2?code=x&state=y`,
    `${ORIGIN}/login`,
  ])('to the first page, not to %s', async (referer) => {
    expect(await backFrom(referer)).toBe('/');
  });

  describe.each([
    ['the routes live at the prefix', '/memo', '/memo'],
    ['a proxy strips the prefix', '/', ''],
  ])('where %s', (_, BASE_PATH, base) => {
    const env = { PUBLIC_URL: 'https://example.com/memo', BASE_PATH };

    test.each(['/memo/', '/memo/?q=x', '/memo/trash?confirm=1'])('to %s', async (path) => {
      expect(await backFrom(`https://example.com${path}`, env, base)).toBe(path);
    });

    test.each([
      'https://example.com/memo/memo',
      'https://example.com/memo//evil.example',
      'https://example.com/',
      'https://example.com/trash',
      'https://example.com/memory/trash',
      'https://example.com/memo.evil/trash',
      'https://example.com/other/memo/trash',
      'https://example.com.evil.example/memo/trash',
      'https://example.net/memo/trash',
      'https://evil.example/memo/trash',
      'http://example.com/memo/trash',
    ])('to the first page, not to %s', async (referer) => {
      expect(await backFrom(referer, env, base)).toBe('/memo/');
    });
  });
});

describe('no setting is changed', () => {
  test.each([
    {},
    { language: '' },
    { language: 'fr' },
    { language: 'KO' },
    { theme: 'neon' },
    { theme: '__proto__' },
    { theme: 'dark; Domain=evil.example' },
    { language: 'toString', theme: 'DARK' },
    { lang: 'en' },
  ] as Record<string, string>[])('by %j', async (fields) => {
    const browser = openBrowser();
    const response = await browser.choose(fields, { Referer: `${ORIGIN}/trash` });
    expect(response.status).toBe(400);
    expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  test('by JSON, by a query, or by GET', async () => {
    const browser = openBrowser();
    const json = { body: '{"theme":"dark"}', headers: { 'Content-Type': 'application/json' } };
    expect((await browser.request('/settings', { method: 'POST', ...json })).status).toBe(415);
    expect((await browser.request('/settings?theme=dark', { method: 'POST' })).status).toBe(415);
    expect((await browser.request('/settings?theme=dark')).status).toBe(405);
    expect([...browser.jar]).toEqual([]);
  });

  test.each([
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site', Origin: ORIGIN },
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
  ] as Record<string, string>[])('by another site: %j', async (headers) => {
    const browser = openBrowser();
    const response = await browser.choose({ theme: 'dark', language: 'en' }, headers);
    expect(response.status).toBe(403);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect((await browser.read()).theme).toBeUndefined();
  });
});
