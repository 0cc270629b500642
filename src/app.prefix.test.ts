/**
 * The prefix: `/memo` in front of every path, given by PUBLIC_URL, stripped or not by a proxy. Paths
 * with dot segments do not get here, because `Request` resolves them: see server.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { createTestApp } from './testing/app.ts';

const PUBLIC_URL = 'https://example.com/memo';

/** The addresses of a page's links, assets and forms. */
const addresses = (html: string) =>
  [...html.matchAll(/\s(?:href|src|action|formaction|hx-get)="([^"]*)"/g)].map(
    (match) => match[1]!,
  );

describe.each([
  { where: 'the routes live at the prefix', env: { PUBLIC_URL }, base: '/memo' },
  { where: 'a proxy strips the prefix', env: { PUBLIC_URL, BASE_PATH: '/' }, base: '' },
  { where: 'the prefix is deep', env: { PUBLIC_URL: `${PUBLIC_URL}/v1.0/` }, base: '/memo/v1.0' },
] as { where: string; env: Record<string, string>; base: string }[])(
  'where $where',
  ({ env, base }) => {
    const { app, redis, logIn, config } = createTestApp({ env });
    const { prefix } = config;

    test('no link, form or asset of any page leaves the prefix', async () => {
      const me = await logIn();
      await redis.rpush(
        `user:${me.id}:memos`,
        ...Array.from({ length: 120 }, (_, i) => `{"text": "${i}"}`),
      );
      const html = { Accept: 'text/html' };
      await me.send('PATCH', `${base}/memo/7`, { pin: true });
      const expired = { method: 'POST', body: new URLSearchParams({ text: 'x' }) };
      const pages = {
        invitation: await app.request(`${base}/`),
        memos: await me.request(`${base}/`),
        older: await me.request(`${base}/?before=50`),
        edit: await me.request(`${base}/?edit=7`),
        deleted: await me.request(`${base}/?deleted=999`),
        'not found': await me.request(`${base}/nothing`, { headers: html }),
        'bad login': await app.request(`${base}/oauth2`, { headers: html }),
        expired: await app.request(`${base}/memo`, expired),
        conflict: await me.post(`${base}/memo/7`, { text: 'x', version: '6' }),
      };
      for (const [name, response] of Object.entries(pages)) {
        const found = addresses(await response.text());
        expect(found.length, name).toBeGreaterThan(2);
        for (const address of found) {
          if (address === '#main') continue;
          const url = new URL(address, 'https://example.com');
          expect(url.origin, name).toBe('https://example.com');
          expect(`${url.pathname}/`, name).toContain(`${prefix}/`);
          expect(url.pathname.startsWith(`${prefix}/`), `${name}: ${address}`).toBe(true);
        }
      }
    });

    test('no redirect or cookie leaves the prefix, and the form of an error page posts to it', async () => {
      const me = await logIn();
      const { id } = await (await me.send('POST', `${base}/memo`, { text: 'a' })).json();
      const conflict = await me.post(`${base}/memo/${id}`, { text: 'b', version: '6' });
      expect(await conflict.text()).toContain(`action="${prefix}/memo/${id}"`);
      const other = await logIn(me.id);
      const devices = await (await me.request(`${base}/sessions`)).text();
      const [, session] = /\/sessions\/(\w+)\/end"/.exec(devices)!;
      const responses = [
        await app.request(`${base}/memo`),
        await me.send('POST', `${base}/memo`, { text: 'x' }),
        await me.post(`${base}/memo`, { text: 'y' }),
        await me.post(`${base}/memo/${id}/pin`, { pin: 'true' }),
        await me.post(`${base}/memo/${id}/delete`, {}),
        await me.post(`${base}/memo/${id}/restore`, {}),
        await me.post(`${base}/memo/${id}/delete`, {}),
        await me.post(`${base}/trash/${id}/purge`, {}),
        await me.post(`${base}/trash/empty`, {}),
        await me.post(`${base}/settings`, { theme: 'dark' }),
        await me.post(`${base}/sessions/${session}/end`, {}),
      ];
      const logouts = [
        await me.request(`${base}/logout`, { method: 'POST' }),
        await (await logIn(other.id)).post(`${base}/sessions/end`, {}),
      ];
      const locations = [...responses, ...logouts].map((response) =>
        response.headers.get('Location'),
      );
      expect(locations.filter((location) => !location?.startsWith(`${prefix}/`))).toEqual([]);
      for (const response of logouts) {
        expect(response.headers.get('Set-Cookie')).toContain(`Path=${prefix};`);
      }
      const login = await app.request(`${base}/login`);
      // Except the cookie whose prefix `__Host-` requires the path `/`.
      expect(login.headers.get('Set-Cookie')).toMatch(/^__Host-state-.*; Path=\/;/);
      expect(new URL(login.headers.get('Location')!).searchParams.get('redirect_uri')).toBe(
        `${config.publicUrl}/oauth2`,
      );
    });

    test('static files are served under the prefix, in the coding that the browser prefers', async () => {
      const page = await (await app.request(`${base}/`)).text();
      const style = addresses(page).find((address) => address.endsWith('.css'))!;
      const path = base + style.slice(prefix.length);
      const sizes: number[] = [];
      for (const [accept, coding] of [
        ['', null],
        ['gzip', 'gzip'],
        ['gzip, deflate, br;q=0.5', 'br'],
        ['br;q=0, gzip;q=0.000', null],
      ] as const) {
        const response = await app.request(path, { headers: { 'Accept-Encoding': accept } });
        expect(response.status).toBe(200);
        expect(response.headers.get('Content-Encoding')).toBe(coding);
        expect(response.headers.get('Cache-Control')).toContain('immutable');
        sizes.push((await response.arrayBuffer()).byteLength);
      }
      expect(sizes[0]).toBe(sizes[3]);
      expect(sizes[2]).toBeLessThan(sizes[1]!);
      expect(sizes[1]).toBeLessThan(sizes[0]! / 2);
    });

    test('health checks work under the prefix and, for load balancers, without it', async () => {
      for (const path of [`${base}/healthz`, `${base}/readyz`, '/healthz', '/readyz']) {
        expect((await app.request(path)).status).toBe(200);
      }
    });
  },
);

describe('the page under /memo', () => {
  const { app } = createTestApp({ env: { PUBLIC_URL } });

  test('is the same with and without the slash', async () => {
    const [with_, without] = [await app.request('/memo/'), await app.request('/memo')];
    expect(with_.status).toBe(200);
    expect(await without.text()).toBe(await with_.text());
  });

  test.each([
    ['/', 404],
    ['/login', 404],
    ['/memos', 404],
    ['/memo/memo/', 404],
    ['//', 400],
    ['//memo', 400],
    ['/memo//', 400],
    ['/memo//memo', 400],
    ['/%6demo', 400],
    ['/memo%2Fmemo', 400],
    ['/memo;x=1', 400],
    ['/memo/;/memo', 400],
    ['/memo/memo/%31', 400],
    ['/MEMO/', 404],
  ])('%s is not another name of a path (%i)', async (path, status) => {
    expect((await app.request(`http://localhost${path}`)).status).toBe(status);
  });
});

test('without a prefix, the page is at the root only', async () => {
  const { app } = createTestApp();
  expect((await app.request('/')).status).toBe(200);
  for (const path of ['//', '/;', '/%2F', '/memo%2f5']) {
    expect((await app.request(`http://localhost${path}`)).status).toBe(400);
  }
});
