import { describe, expect, test } from 'vitest';
import { createMemoStore } from '../store/memos.ts';
import { connect, createTestApp, newId } from '../testing/app.ts';
import { runBefore } from '../testing/run-before.ts';

const { app, redis, logIn, log } = createTestApp();

describe('the API', () => {
  test('returns a new memo with its Location, where it can be read', async () => {
    const me = await logIn();
    const posted = await me.send('POST', '/memo', { text: '  장보기\n- 우유 \n', tags: ['x'] });
    expect(posted.status).toBe(201);
    const memo = await posted.json();
    expect(memo).toEqual({ id: memo.id, text: '장보기\n- 우유' });
    expect(posted.headers.get('Location')).toBe(`/memo/${memo.id}`);
    const read = await me.request(`/memo/${memo.id}`);
    expect(await read.json()).toEqual(memo);
    expect(read.headers.get('Content-Type')).toBe('application/json');
    expect(read.headers.get('ETag')).toBe(`"${memo.id}"`);
    expect(read.headers.get('Cache-Control')).toBe('private, no-store');
    expect(await me.stored()).toEqual([JSON.stringify(memo)]);
  });

  test('stores one memo for an Idempotency-Key that is sent three times', async () => {
    const me = await logIn();
    const send = (text: string) =>
      me.send('POST', '/memo', { text }, { 'Idempotency-Key': 'one "key"' });
    const responses = await Promise.all([send('한 번'), send('한 번'), send('한 번')]);
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    const bodies = await Promise.all(responses.map((response) => response.json()));
    expect(new Set(bodies.map(({ id }) => id)).size).toBe(1);
    const other = await send('다른 글');
    expect([other.status, (await other.json()).code]).toEqual([422, 'key-reused']);
    expect((await me.stored()).length).toBe(1);
  });

  test('returns pages by limit and cursor, the last one without next', async () => {
    const me = await logIn();
    for (let i = 0; i < 5; i++) await me.send('POST', '/memo', { text: `${i}` });
    const texts: string[][] = [];
    let next: string | undefined;
    do {
      const response = await me.request(`/memo?limit=2${next ? `&before=${next}` : ''}`);
      const page = await response.json();
      texts.push(page.memos.map(({ text }: { text: string }) => text));
      next = page.next;
    } while (next);
    expect(texts).toEqual([['4', '3'], ['2', '1'], ['0']]);
  });

  test.each(['limit=0', 'limit=201', 'limit=1e1', 'limit=-1', 'limit=', 'before=x', 'before=0'])(
    'refuses a page with %s',
    async (query) => {
      const me = await logIn();
      expect((await me.request(`/memo?${query}`)).status).toBe(400);
    },
  );

  test('streams all memos as one JSON object, also of none and of thousands', async () => {
    const me = await logIn();
    expect(await (await me.request('/memo')).text()).toBe('{"memos":[]}');
    const memos = Array.from({ length: 2345 }, (_, i) => `{"text": "${i}"}`);
    await redis.rpush(`user:${me.id}:memos`, ...memos);
    const { memos: read } = await (await me.request('/memo')).json();
    expect(read.map(({ text }: { text: string }) => Number(text))).toEqual(
      Array.from({ length: 2345 }, (_, i) => 2344 - i),
    );
  });

  test('breaks a list off when Redis fails in the middle', async () => {
    const client = connect();
    const { logIn, log } = createTestApp({ deps: { memos: createMemoStore(client) } });
    const me = await logIn();
    const memos = Array.from({ length: 1200 }, (_, i) => `{"id":${i + 1},"text":"${i}"}`);
    await redis.rpush(`user:${me.id}:memos`, ...memos);
    const response = await me.request('/memo');
    expect(response.status).toBe(200);
    runBefore(client, 'page', () => Promise.reject(new Error('the connection is lost')));
    await expect(response.text()).rejects.toThrow();
    expect(log.join()).toContain('the connection is lost');
  });

  test('edits a memo if If-Match has its version, else responds with 412 and the present memo', async () => {
    const me = await logIn();
    const { id } = await (await me.send('POST', '/memo', { text: 'a' })).json();
    const edit = (text: string, etag: string) =>
      me.send('PATCH', `/memo/${id}`, { text }, { 'If-Match': etag });
    const done = await edit('b', `"${id}"`);
    expect(done.status).toBe(200);
    const etag = done.headers.get('ETag')!;
    expect(etag).not.toBe(`"${id}"`);
    const refused = await edit('c', `"${id}"`);
    expect(refused.status).toBe(412);
    expect(refused.headers.get('ETag')).toBe(etag);
    expect(refused.headers.get('Content-Type')).toBe('application/problem+json');
    expect(await refused.json()).toMatchObject({ code: 'changed', memo: { id, text: 'b' } });
    for (const never of [`W/${etag}`, 'x', '"1"'])
      expect((await edit('c', never)).status).toBe(412);
    expect((await edit('c', etag)).status).toBe(200);
    expect((await edit('d', '*')).status).toBe(200);
    expect((await me.send('PATCH', `/memo/${id}`, { pin: true })).status).toBe(200);
    expect(JSON.parse((await me.stored())[0]!)).toMatchObject({ id, text: 'd', pin: true });
  });

  test('does not pin a memo if If-Match has an old version', async () => {
    const me = await logIn();
    const { id } = await (await me.send('POST', '/memo', { text: 'a' })).json();
    await me.send('PATCH', `/memo/${id}`, { text: 'b' });
    const before = await me.stored();
    const pin = await me.send('PATCH', `/memo/${id}`, { pin: true }, { 'If-Match': `"${id}"` });
    expect(pin.status).toBe(412);
    expect(await me.stored()).toEqual(before);
  });

  test('returns very long memos in shorter pages, and all of them', async () => {
    const me = await logIn();
    const long = '\\u0001'.repeat(20_000);
    const memos = Array.from({ length: 60 }, (_, i) => `{"id":${i + 1},"text":"${i}${long}"}`);
    await redis.rpush(`user:${me.id}:memos`, ...memos);
    const page = await (await me.request('/memo?limit=200')).text();
    expect(page.length).toBeLessThan(1_000_000);
    expect(JSON.parse(page).next).toBeDefined();
    const all = await (await me.request('/memo')).json();
    expect(all.memos.map(({ id }: { id: number }) => id)).toEqual(memos.map((_, i) => 60 - i));
    for (let id = 1; id <= 60; id++) await me.send('PATCH', `/memo/${id}`, { pin: true });
    expect((await (await me.request('/')).text()).length).toBeLessThan(2_000_000);
    expect(await redis.scard(`user:${me.id}:pins`)).toBe(60);
  });

  test('pins 100 memos at most, also when 130 are pinned at the same time', async () => {
    const me = await logIn();
    const ids = Array.from({ length: 130 }, (_, i) => i + 1);
    await redis.rpush(`user:${me.id}:memos`, ...ids.map((id) => `{"id":${id},"text":"${id}"}`));
    // Several apps, because each limits the requests of a person that are under way.
    const apps = Array.from({ length: 130 / 5 }, () => createTestApp().app);
    const responses = await Promise.all(
      ids.map(async (id, i) => {
        const response = await apps[i % apps.length]!.request(`/memo/${id}`, {
          method: 'PATCH',
          body: '{"pin":true}',
          headers: { Cookie: me.cookie, 'Content-Type': 'application/json' },
        });
        return { id, status: response.status, ...(await response.json()) };
      }),
    );
    const pinned = responses.filter(({ status }) => status === 200);
    const refused = responses.filter(
      ({ status, code }) => `${status} ${code}` === '409 too-many-pins',
    );
    expect([pinned.length, refused.length]).toEqual([100, 30]);
    const stored = (await me.stored()).map((memo) => JSON.parse(memo));
    const told = pinned.map(({ id }) => id);
    expect(stored.filter(({ pin }) => pin).map(({ id }) => id)).toEqual(told);
    const index = (await redis.smembers(`user:${me.id}:pins`)).map(Number);
    expect(index.toSorted((a, b) => a - b)).toEqual(told);
  });

  test('deletes a memo, also a second time, and restores it', async () => {
    const me = await logIn();
    const { id } = await (await me.send('POST', '/memo', { text: 'a' })).json();
    const remove = (etag = '*') =>
      me.request(`/memo/${id}`, { method: 'DELETE', headers: { 'If-Match': etag } });
    expect((await remove('"7"')).status).toBe(412);
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(204);
    expect((await me.request(`/memo/${id}`)).status).toBe(404);
    expect(await me.stored()).toEqual([]);
    expect((await me.request(`/memo/${id}/restore`, { method: 'POST' })).status).toBe(200);
    expect((await me.stored()).length).toBe(1);
  });
});

describe('bad input is refused with a clear 4xx, and nothing is stored', () => {
  const json = { 'Content-Type': 'application/json' };
  const cases: [string, number, string, RequestInit][] = [
    ['not JSON', 400, 'not-json', { body: '{"text":', headers: json }],
    ['empty', 400, 'not-json', { body: '', headers: json }],
    ['an array', 400, 'not-json', { body: '["text"]', headers: json }],
    ['null', 400, 'not-json', { body: 'null', headers: json }],
    ['a string', 400, 'not-json', { body: '"text"', headers: json }],
    ['text missing', 400, 'text-missing', { body: '{}', headers: json }],
    ['text inherited', 400, 'text-missing', { body: '{"__proto__":{"text":"x"}}', headers: json }],
    ['text null', 400, 'text-missing', { body: '{"text":null}', headers: json }],
    ['text a number', 400, 'text-missing', { body: '{"text":5}', headers: json }],
    ['text an object', 400, 'text-missing', { body: '{"text":{"length":1}}', headers: json }],
    ['text empty', 400, 'text-blank', { body: '{"text":""}', headers: json }],
    ['text blank', 400, 'text-blank', { body: '{"text":" \\n\\t\\u3000"}', headers: json }],
    ['NUL', 400, 'text-invalid', { body: '{"text":"a\\u0000"}', headers: json }],
    ['a lone surrogate', 400, 'text-invalid', { body: '{"text":"a\\ud83d"}', headers: json }],
    [
      'invalid UTF-8',
      400,
      'text-invalid',
      {
        body: new Uint8Array([...new TextEncoder().encode('{"text":"'), 0xff, 0x22, 0x7d]),
        headers: json,
      },
    ],
    [
      '20,001 characters',
      400,
      'text-too-long',
      {
        body: JSON.stringify({ text: '🎒'.repeat(20_001) }),
        headers: json,
      },
    ],
    ['1 MiB', 413, 'too-large', { body: `{"text":"${'x'.repeat(1 << 20)}"}`, headers: json }],
    ['no content type', 415, 'unsupported-type', { body: new Uint8Array([123, 125]) }],
    [
      'plain text',
      415,
      'unsupported-type',
      {
        body: '{"text":"x"}',
        headers: { 'Content-Type': 'text/plain' },
      },
    ],
    [
      'a multipart form',
      415,
      'unsupported-type',
      {
        body: '--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nx\r\n--b--',
        headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
      },
    ],
    [
      'a key of 101 characters',
      400,
      'bad-key',
      {
        body: '{"text":"x"}',
        headers: { ...json, 'Idempotency-Key': 'k'.repeat(101) },
      },
    ],
  ];
  test.each(cases)('%s', async (_, status, code, init) => {
    const me = await logIn();
    const response = await me.request('/memo', { method: 'POST', ...init });
    expect([response.status, (await response.json()).code]).toEqual([status, code]);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    expect(await me.stored()).toEqual([]);
  });

  test('but 20,000 characters are stored, however they are sent', async () => {
    const me = await logIn();
    const text = '🎒'.repeat(20_000);
    const escaped = `{"text":"${'\\ud83c\\udf92'.repeat(20_000)}"}`;
    expect((await me.send('POST', '/memo', { text })).status).toBe(201);
    const init = { method: 'POST', body: escaped, headers: json };
    expect((await me.request('/memo', init)).status).toBe(201);
    expect((await me.post('/memo', { text })).status).toBe(303);
    expect((await me.stored()).map((memo) => JSON.parse(memo).text === text)).toEqual([
      true,
      true,
      true,
    ]);
  });

  test.each(['1e3', '-1', '0', '01', '1.0', '9007199254740993', 'constructor', '__proto__', '5'])(
    'the unknown id %s gets 404, by each method',
    async (id) => {
      const me = await logIn();
      const responses = [
        await me.request(`/memo/${id}`),
        await me.send('PATCH', `/memo/${id}`, { text: 'x' }),
        await me.request(`/memo/${id}`, { method: 'DELETE' }),
        await me.post(`/memo/${id}`, { text: 'x', version: '1' }),
        await me.post(`/memo/${id}/pin`, { pin: 'true' }),
        await me.post(`/memo/${id}/delete`, {}),
        await me.post(`/memo/${id}/restore`, {}),
      ];
      expect(responses.map(({ status }) => status)).toEqual(Array(7).fill(404));
      expect(await redis.keys(`user:${me.id}:*`)).toEqual([`user:${me.id}:sessions`]);
    },
  );

  test('another person’s memo gets 404, and is not changed', async () => {
    const [me, other] = [await logIn(), await logIn()];
    const { id } = await (await other.send('POST', '/memo', { text: '비밀' })).json();
    const before = await other.stored();
    for (const response of [
      await me.request(`/memo/${id}`),
      await me.send('PATCH', `/memo/${id}`, { text: 'x', pin: true }),
      await me.request(`/memo/${id}`, { method: 'DELETE' }),
      await me.post(`/memo/${id}/restore`, {}),
      await me.request(`/?edit=${id}`),
    ]) {
      expect(response.status).toBe(404);
      expect(await response.text()).not.toContain('비밀');
    }
    expect(await other.stored()).toEqual(before);
    expect(await me.stored()).toEqual([]);
  });

  test.each([
    ['PUT', '/memo', 'GET, HEAD, POST'],
    ['DELETE', '/memo', 'GET, HEAD, POST'],
    ['PUT', '/memo/5', 'GET, HEAD, PATCH, DELETE, POST'],
    ['GET', '/memo/5/pin', 'POST'],
    ['POST', '/', 'GET, HEAD'],
    ['GET', '/logout', 'POST'],
    ['POST', '/login', 'GET, HEAD'],
    ['DELETE', '/healthz', 'GET, HEAD'],
  ])('%s %s gets 405, with the right methods in Allow', async (method, path, allow) => {
    const me = await logIn();
    for (const response of [
      await me.request(path, { method }),
      await app.request(path, { method }),
    ]) {
      expect(response.status).toBe(405);
      expect(response.headers.get('Allow')).toBe(allow);
    }
  });

  test('an edit without a change, with a wrong pin, or with a bad text', async () => {
    const me = await logIn();
    const { id } = await (await me.send('POST', '/memo', { text: 'a' })).json();
    const before = await me.stored();
    const bodies = [
      {},
      { id: 5 },
      { pin: 'yes' },
      { text: ' ' },
      { text: null },
      { text: 1, pin: true },
    ];
    for (const body of bodies) {
      expect((await me.send('PATCH', `/memo/${id}`, body)).status).toBe(400);
    }
    expect((await me.post(`/memo/${id}/pin`, { pin: '1' })).status).toBe(400);
    expect((await me.post(`/memo/${id}`, { text: 'no version' })).status).toBe(400);
    expect((await me.send('POST', `/memo/${id}`, { text: 'x' })).status).toBe(415);
    expect(await me.stored()).toEqual(before);
  });

  test.each([
    '/nothing',
    '/memo/',
    '/memo/5/',
    '/memo/5/x',
    '/assets/style.css',
    '/login/',
    '/favicon.ico',
  ])('%s gets 404', async (path) => {
    const me = await logIn();
    expect((await me.request(path)).status).toBe(404);
  });
});

describe('requests from other sites change nothing', () => {
  const types = ['application/json', 'text/plain', 'application/x-www-form-urlencoded', ''];
  const origins: Record<string, string>[] = [
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site', Origin: 'http://localhost:8000' },
    { Origin: 'https://evil.example' },
    { Origin: 'http://localhost:8001' },
    // Our origin, and more after it.
    { Origin: 'http://localhost:80001' },
    { Origin: 'http://localhost:8000.evil.example' },
    { Origin: 'null' },
  ];
  test.each(origins)('%j', async (origin) => {
    const me = await logIn();
    await me.send('POST', '/memo', { text: '그대로' });
    const before = await me.stored();
    const { id } = JSON.parse(before[0]!);
    for (const type of types) {
      for (const [method, path] of [
        ['POST', '/memo'],
        ['PATCH', `/memo/${id}`],
        ['DELETE', `/memo/${id}`],
        ['POST', `/memo/${id}/delete`],
        ['POST', '/logout'],
      ] as const) {
        const headers = { ...origin, ...(type && { 'Content-Type': type }) };
        const body = type.endsWith('urlencoded') ? 'text=x&pin=true' : '{"text":"x"}';
        expect((await me.request(path, { method, body, headers })).status).toBe(403);
      }
    }
    expect(await me.stored()).toEqual(before);
    expect((await me.request('/memo')).status).toBe(200);
  });

  test('but requests of our own pages and of programs are served', async () => {
    const me = await logIn();
    for (const headers of [
      { 'Sec-Fetch-Site': 'same-origin', Origin: 'http://127.0.0.1:8000' },
      { 'Sec-Fetch-Site': 'none' },
      { Origin: 'http://localhost:8000' },
      {},
    ]) {
      expect((await me.send('POST', '/memo', { text: 'x' }, headers)).status).toBe(201);
    }
  });
});

describe('a request without a login', () => {
  test('is redirected to the page, or gets 401 if it accepts JSON', async () => {
    for (const [method, path] of [
      ['GET', '/memo'],
      ['POST', '/memo'],
      ['GET', '/memo/5'],
      ['PATCH', '/memo/5'],
      ['DELETE', '/memo/5'],
      ['POST', '/memo/5/restore'],
    ] as const) {
      const asked = await app.request(path, { method });
      expect([asked.status, asked.headers.get('Location')]).toEqual([302, '/']);
      const wants = await app.request(path, { method, headers: { Accept: 'application/json' } });
      expect([wants.status, (await wants.json()).code]).toEqual([401, 'logged-out']);
    }
  });

  test('gets the text of its form back, with a login link', async () => {
    const text = '길게 쓴 글\n</textarea><script>alert(1)</script>';
    const response = await app.request('/memo', {
      method: 'POST',
      body: new URLSearchParams({ text, key: 'k1', other: 'x' }),
    });
    const page = await response.text();
    expect(response.status).toBe(401);
    expect(page).toContain('길게 쓴 글\n&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).toContain('name="key" value="k1"');
    expect(page).not.toContain('name="other"');
    expect(page).toContain('href="http://localhost:8000/login"');
  });
});

describe('a form without JavaScript', () => {
  test('stores a line end as one character', async () => {
    const me = await logIn();
    const response = await me.post('/memo', { text: 'a\r\nb\rc\n', key: 'k' });
    expect(response.status).toBe(303);
    const memo = JSON.parse((await me.stored())[0]!);
    expect(memo.text).toBe('a\nb\nc');
    expect(response.headers.get('Location')).toBe('/');
  });

  test('stores one memo when it is sent again, and asks if its text has changed', async () => {
    const me = await logIn();
    for (let i = 0; i < 3; i++) await me.post('/memo', { text: '한 번만', key: 'k' });
    expect((await me.stored()).length).toBe(1);
    const other = await me.post('/memo', { text: '뒤로 가서 고친 글', key: 'k' });
    expect(other.status).toBe(422);
    const page = await other.text();
    expect(page).toContain('뒤로 가서 고친 글');
    const key = /name="key" value="([^"]*)"/.exec(page)![1]!;
    expect(key).not.toBe('k');
    expect((await me.post('/memo', { text: '뒤로 가서 고친 글', key })).status).toBe(303);
    expect((await me.stored()).length).toBe(2);
  });

  test('asks if it has the text that was just saved by another form', async () => {
    const me = await logIn();
    await me.post('/memo', { text: '물 마시기', key: 'k1' });
    const repeated = await me.post('/memo', { text: '물 마시기', key: 'k2' });
    expect(repeated.status).toBe(409);
    expect((await me.stored()).length).toBe(1);
    const page = await repeated.text();
    expect(page).toContain('\n물 마시기</textarea>');
    expect(page).toContain('name="again"');
    const again = await me.post('/memo', { text: '물 마시기', key: 'k2', again: '1' });
    expect(again.status).toBe(303);
    expect((await me.send('POST', '/memo', { text: '물 마시기' })).status).toBe(201);
    expect((await me.stored()).length).toBe(3);
  });

  test.each([
    ['blank', '   ', 400],
    ['too long', 'x'.repeat(20_001), 400],
    ['with NUL', 'a\0b', 400],
  ])('gets a text that is %s back with the error', async (_, text, status) => {
    const me = await logIn();
    const response = await me.post('/memo', { text, key: 'k' });
    expect(response.status).toBe(status);
    expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
    expect(await response.text()).toContain(`\n${text}</textarea>`);
    expect(await me.stored()).toEqual([]);
  });

  test('gets both texts of a conflict, and can then replace the other one', async () => {
    const me = await logIn();
    const { id } = await (await me.send('POST', '/memo', { text: '처음' })).json();
    await me.send('PATCH', `/memo/${id}`, { text: '저쪽 글' });
    const conflict = await me.post(`/memo/${id}`, { text: '내 글', version: `${id}` });
    expect(conflict.status).toBe(412);
    const page = await conflict.text();
    expect(page).toContain('저쪽 글');
    expect(page).toContain('\n내 글</textarea>');
    expect(page).toContain(`action="/memo/${id}"`);
    const version = /name="version" value="(\d+)"/.exec(page)![1]!;
    expect((await me.post(`/memo/${id}`, { text: '내 글', version })).status).toBe(303);
    expect(JSON.parse((await me.stored())[0]!).text).toBe('내 글');
  });

  test('that deletes leads to a page with an undo, which is gone after its use', async () => {
    const me = await logIn();
    const { id } = await (await me.send('POST', '/memo', { text: 'a' })).json();
    const response = await me.post(`/memo/${id}/delete`, { before: '99' });
    expect(response.headers.get('Location')).toBe(`/?before=99&deleted=${id}`);
    const undo = `action="/memo/${id}/restore"`;
    expect(await (await me.request(`/?deleted=${id}`)).text()).toContain(undo);
    const restored = await me.post(`/memo/${id}/restore`, {});
    expect(restored.headers.get('Location')).toBe(`/#m${id}`);
    expect(await (await me.request(`/?deleted=${id}`)).text()).not.toContain(undo);
  });

  test('gets a text back that is too long for a memo, but not one that is too long for a request', async () => {
    const me = await logIn();
    for (const [length, status, isThere] of [
      [25_000, 400, true],
      [30_000, 413, false],
      [100_000, 413, false],
    ] as const) {
      const text = '가'.repeat(length);
      const response = await me.post('/memo', { text, key: 'k' });
      expect(response.status).toBe(status);
      const page = await response.text();
      expect(page.includes(`\n${text}</textarea>`)).toBe(isThere);
      expect(page.includes('가가')).toBe(isThere);
    }
    expect(await me.stored()).toEqual([]);
  });

  test('can save the edit of a memo that was deleted elsewhere as a new memo', async () => {
    const me = await logIn();
    const { id } = await (await me.send('POST', '/memo', { text: 'a' })).json();
    await me.request(`/memo/${id}`, { method: 'DELETE' });
    const response = await me.post(`/memo/${id}`, { text: '고친 글', version: `${id}` });
    expect(response.status).toBe(404);
    const page = await response.text();
    expect(page).toContain('그사이 메모가 삭제되었습니다');
    expect(page).toContain('\n고친 글</textarea>');
    expect(page).toContain('action="/memo"');
    expect(page).not.toContain('name="version"');
    const key = /name="key" value="([\w-]{43})"/.exec(page)![1]!;
    expect((await me.post('/memo', { text: '고친 글', key })).status).toBe(303);
    expect(JSON.parse((await me.stored())[0]!).text).toBe('고친 글');
  });

  test('asks before it saves a text from another person’s page', async () => {
    const [me, other] = [await logIn(), await logIn()];
    const form = await (await me.request('/')).text();
    const person = /name="person" value="(\w+)"/.exec(form)![1]!;
    expect(person).not.toContain(me.id);
    const response = await other.post('/memo', { text: '내 비밀', key: 'k', person });
    expect(response.status).toBe(409);
    expect(await other.stored()).toEqual([]);
    const page = await response.text();
    expect(page).toContain('\n내 비밀</textarea>');
    expect(page).not.toContain('name="person"');
    expect((await me.post('/memo', { text: '내 비밀', key: 'k', person })).status).toBe(303);
    const { id } = JSON.parse((await me.stored())[0]!);
    const edit = await (await me.request(`/?edit=${id}`)).text();
    expect(edit).toContain(`name="person" value="${person}"`);
  });

  test('is refused for invalid UTF-8, and not for U+FFFD', async () => {
    const me = await logIn();
    const send = (body: string) =>
      me.request('/memo', {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      });
    expect((await send('text=%FF%FEbad')).status).toBe(400);
    expect((await send('text=%EF%BF%BD%ef%bf%bd')).status).toBe(303);
    expect((await me.stored()).map((memo) => JSON.parse(memo).text)).toEqual(['\ufffd\ufffd']);
  });

  test('with an invalid cursor leads to the page, not to another site', async () => {
    const me = await logIn();
    const response = await me.post('/memo', { text: 'a', before: '//evil.example/' });
    expect(response.headers.get('Location')).toBe('/');
  });
});

test('the log has no text, no cookie and no query', async () => {
  const me = await logIn();
  const secret = newId();
  await me.send('POST', '/memo', { text: secret });
  await me.request(`/?before=5&x=${secret}`);
  await me.post(`/memo/5`, { text: secret, version: '1' });
  expect(log.length).toBeGreaterThan(3);
  expect(log.join('\n')).not.toContain(secret);
  expect(log.join('\n')).not.toContain(me.cookie.slice(7));
});
