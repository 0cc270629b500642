/**
 * Nobody reads or changes another person's data. Requests are generated from the app's routes, so that
 * a new route fails here until it is listed as public or personal.
 */

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseMemo } from './memo/stored-memo.ts';
import { createSessionStore } from './store/sessions.ts';
import { connect, createTestApp, newId, ORIGIN } from './testing/app.ts';

const DAY = 24 * 60 * 60 * 1000; // ms
const SECRET = '아무도 보면 안 되는 글';
const TRASHED = '버렸지만 내 것인 글';

/** Routes for everybody, and routes for a person who is logged in. */
const PUBLIC = [
  'GET /',
  'GET /login',
  'GET /oauth2',
  'POST /logout',
  'POST /settings',
  'GET /assets/:file',
  'GET /healthz',
  'GET /readyz',
];
const PERSONAL = [
  'GET /memo',
  'POST /memo',
  'GET /memo/events',
  'GET /memo/:id',
  'PATCH /memo/:id',
  'DELETE /memo/:id',
  'POST /memo/:id',
  'POST /memo/:id/task',
  'POST /memo/:id/pin',
  'POST /memo/:id/delete',
  'POST /memo/:id/restore',
  'GET /trash',
  'POST /trash/empty',
  'POST /trash/:id/purge',
  'GET /sessions',
  'POST /sessions/end',
  'POST /sessions/:id/end',
];

const { app, redis, sessions, memos, logIn } = createTestApp();
const routes = [
  ...new Set(
    app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replace(/(.)\/$/, '$1')}`),
  ),
];

/** A person with data under every key. */
async function settle() {
  const me = await logIn();
  const { id } = await (await me.send('POST', '/memo', { text: `- [ ] ${SECRET}` })).json();
  const { id: trashed } = await (await me.send('POST', '/memo', { text: TRASHED })).json();
  await me.request(`/memo/${trashed}`, { method: 'DELETE' });
  await me.send('PATCH', `/memo/${id}`, { pin: true });
  const token = me.cookie.replace('userId=', '');
  const hash = createHash('sha256').update(token).digest('hex');
  return { ...me, memo: id as number, trashed: trashed as number, token, hash };
}
type Settled = Awaited<ReturnType<typeof settle>>;

/** All that Redis has of a person, except when sessions were used. */
async function everythingOf({ id, hash }: Settled) {
  return [
    await redis.lrange(`user:${id}:memos`, 0, -1),
    await redis.lrange(`user:${id}:trash`, 0, -1),
    await redis.smembers(`user:${id}:pins`),
    await redis.sismember(`user:${id}:sessions`, hash),
    await redis.exists(`session:${hash}`),
    await redis.get(`user:${id}`),
  ];
}

/** Requests to a route, by each client and in each form, for each id of the victim. */
function requestsFor(route: string, victim: Settled): { path: string; init: RequestInit }[] {
  const [method = '', pattern = ''] = route.split(' ');
  const ids = pattern.startsWith('/sessions')
    ? [victim.hash.slice(0, 16), victim.hash]
    : [String(victim.memo), String(victim.trashed)];
  const paths = /:\w+/.test(pattern) ? ids.map((id) => pattern.replace(/:\w+/, id)) : [pattern];
  if (pattern === '/') paths.push(`/?edit=${victim.memo}`, '/?q=아무도', '/?deleted=1');
  const fields = {
    text: '남이 쓴 글',
    version: String(victim.memo),
    line: '0',
    done: 'true',
    pin: 'false',
  };
  const json = { 'Content-Type': 'application/json' };
  const bodies: RequestInit[] =
    method === 'GET'
      ? [{}, { headers: { Accept: 'application/json' } }, { headers: { 'HX-Request': 'true' } }]
      : [
          { body: new URLSearchParams(fields) },
          { body: new URLSearchParams(fields), headers: { 'HX-Request': 'true' } },
          { body: JSON.stringify({ text: '남이 쓴 글', pin: false }), headers: json },
        ];
  return paths.flatMap((path) => bodies.map((init) => ({ path, init: { ...init, method } })));
}

async function send(
  cookie: string | undefined,
  { path, init }: { path: string; init: RequestInit },
) {
  const headers = { ...(init.headers as object), ...(cookie !== undefined && { Cookie: cookie }) };
  const response = await app.request(path, { ...init, headers });
  // A stream has no end: its first chunk is enough.
  if (response.headers.get('Content-Type') === 'text/event-stream') {
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return { response, text: new TextDecoder().decode(value) };
  }
  return { response, text: await response.text() };
}

const tells = (text: string, victim: Settled) =>
  [SECRET, TRASHED, victim.hash, victim.id].filter((it) => text.includes(it));

test('every route is listed as public or personal', () => {
  expect(routes.toSorted()).toEqual([...PUBLIC, ...PERSONAL].toSorted());
});

describe('a request whose cookie is', () => {
  /** Cookies that a stranger might send, each made for a victim. */
  const COOKIES: Record<string, (victim: Settled) => Promise<string | undefined>> = {
    missing: async () => undefined,
    'that of another person': async () => (await logIn()).cookie,
    'that of an ended session': async (victim) => {
      const token = await sessions.begin({ id: victim.id, name: '나' });
      const session = await sessions.find(token);
      await sessions.end(session!);
      return `userId=${token}`;
    },
    'that of a session that has not been used for 30 days': async (victim) => {
      const token = await sessions.begin({ id: victim.id, name: '나' });
      const hash = createHash('sha256').update(token).digest('hex');
      await redis.pexpire(`session:${hash}`, 1);
      await expect.poll(() => redis.exists(`session:${hash}`)).toBe(0);
      return `userId=${token}`;
    },
    'that of a session of 180 days ago': async (victim) => {
      const earlier = createSessionStore(connect(), () => Date.now() - 181 * DAY);
      return `userId=${await earlier.begin({ id: victim.id, name: '나' })}`;
    },
    forged: async () => `userId=${'A'.repeat(43)}`,
    'the hash that Redis holds': async (victim) => `userId=${victim.hash}`,
    'beside that of another session': async (victim) => {
      const other = await sessions.begin({ id: newId(), name: '남' });
      return `userId=${victim.token}; userId=${other}`;
    },
    'one of more than are looked up': async (victim) =>
      [victim.token, ...'ABCDEFGH'].map((it) => `userId=${it.padEnd(43, 'A')}`).join('; '),
    'the raw user id, as memo.py had it': async (victim) => `userId=${victim.id}`,
    quoted: async (victim) => `userId="${victim.token}"`,
    'under another name': async (victim) => `UserId=${victim.token}; xuserId=${victim.token}`,
  };

  test.each(Object.keys(COOKIES))('%s reads and changes nothing', async (kind) => {
    const victim = await settle();
    const cookie = await COOKIES[kind]!(victim);
    const before = await everythingOf(victim);
    for (const route of [...PERSONAL, 'GET /', 'POST /logout']) {
      for (const request of requestsFor(route, victim)) {
        const { response, text } = await send(cookie, request);
        const what = `${request.init.method} ${request.path}: ${response.status}`;
        expect(response.status, what).toBeLessThan(500);
        if (kind !== 'that of another person' && PERSONAL.includes(route)) {
          expect([302, 401], what).toContain(response.status);
        }
        // An error page that returns a text has the address of its form, too.
        expect(tells(text.replaceAll(request.path, ''), victim), what).toEqual([]);
      }
    }
    expect(await everythingOf(victim)).toEqual(before);
    // The victim's session still works.
    expect(await (await victim.request('/memo')).text()).toContain(SECRET);
  });
});

describe('another site', () => {
  const TYPES = [
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/json',
    'application/json; charset=utf-8',
    '',
  ];
  const SENDERS: Record<string, Record<string, string>> = {
    'a page of another site': { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' },
    'another host of the same site': {
      'Sec-Fetch-Site': 'same-site',
      Origin: 'http://a.localhost',
    },
    'an old browser on another site': { Origin: 'https://evil.example' },
    'an old browser in a sandboxed frame': { Origin: 'null' },
    'another port of the host': { Origin: 'http://localhost:8001' },
    'a cross-site request with our origin': { 'Sec-Fetch-Site': 'cross-site', Origin: ORIGIN },
  };

  test.each(Object.entries(SENDERS))('%s changes nothing', async (_, headers) => {
    const victim = await settle();
    const before = await everythingOf(victim);
    const unsafe = routes.filter((route) => !route.startsWith('GET'));
    for (const route of unsafe) {
      // Once a path: the type is what matters, and the headers of each request are replaced.
      const requests = new Map(requestsFor(route, victim).map((it) => [it.path, it]));
      for (const { path, init } of requests.values()) {
        for (const type of TYPES) {
          const { response, text } = await send(victim.cookie, {
            path,
            init: { ...init, headers: { ...headers, ...(type && { 'Content-Type': type }) } },
          });
          expect(response.status, `${route} as ${type}`).toBe(403);
          expect(response.headers.get('Set-Cookie')).toBeNull();
          expect(tells(text, victim)).toEqual([]);
        }
      }
    }
    expect(await everythingOf(victim)).toEqual(before);
  });

  test('gets no permission to read by CORS', async () => {
    const victim = await settle();
    for (const route of routes) {
      for (const { path, init } of requestsFor(route, victim)) {
        for (const method of ['OPTIONS', init.method!]) {
          const response = await app.request(path, {
            method,
            headers: {
              Cookie: victim.cookie,
              Origin: 'https://evil.example',
              'Access-Control-Request-Method': 'POST',
            },
          });
          await response.body?.cancel();
          const names = [...response.headers.keys()];
          expect(names.filter((name) => name.startsWith('access-control-'))).toEqual([]);
          expect(response.headers.get('Cross-Origin-Resource-Policy')).toBe('same-origin');
        }
      }
    }
  });
});

test('a logged-in person reaches only their own memos and sessions, by whatever id', async () => {
  const [me, other] = [await settle(), await settle()];
  for (const id of [other.memo, other.trashed]) {
    expect((await me.request(`/memo/${id}`)).status).toBe(404);
    expect((await me.post(`/memo/${id}/restore`, {})).status).toBe(404);
  }
  await me.post(`/sessions/${other.hash.slice(0, 16)}/end`, {});
  await me.post('/trash/empty', {});
  expect(await redis.exists(`session:${other.hash}`)).toBe(1);
  expect(await redis.llen(`user:${other.id}:trash`)).toBe(1);
  const [stored] = await other.stored();
  expect(parseMemo(stored!).text).toContain(SECRET);
  expect(await memos.find(me.id, other.memo)).toBeUndefined();
});
