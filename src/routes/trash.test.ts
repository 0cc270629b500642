import { describe, expect, test } from 'vitest';
import { MESSAGES } from '../i18n/index.ts';
import { parseMemo } from '../memo/stored-memo.ts';
import { createTestApp } from '../testing/app.ts';

const { app, redis, logIn } = createTestApp();
const t = MESSAGES.ko;
type Person = Awaited<ReturnType<typeof logIn>>;

const DAY = 24 * 60 * 60 * 1e6; // µs

const trashOf = (me: Person) => redis.lrange(`user:${me.id}:trash`, 0, -1);
/** The ids of the memos in the trash, the last deleted last. */
const idsIn = async (me: Person) => (await trashOf(me)).map((memo) => parseMemo(memo).id);

async function readTrash(me: Person, query = ''): Promise<string> {
  const response = await me.request(`/trash${query}`);
  expect(response.status).toBe(200);
  expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
  expect(response.headers.get('Cache-Control')).toBe('private, no-store');
  return response.text();
}

/** The ids of the memos on a page, in its order. */
const shownIn = (page: string) =>
  Array.from(page.matchAll(/<article [^>]*?\bid="m(\d+)"/g), ([, id]) => Number(id));
const actionsIn = (page: string) =>
  Array.from(page.matchAll(/ action="([^"]*)"/g), ([, action]) => action);

/** Writes memos and deletes them again, in this order. */
async function discard(me: Person, ...texts: string[]): Promise<number[]> {
  const ids: number[] = [];
  for (const text of texts) ids.push((await (await me.send('POST', '/memo', { text })).json()).id);
  for (const id of ids) await me.post(`/memo/${id}/delete`, { version: `${id}` });
  return ids;
}

/** Puts a memo into the trash, as deleted at a time in µs. */
const plant = (me: Person, id: number, deleted: number) =>
  redis.rpush(`user:${me.id}:trash`, `{"id":${id},"text":"오래된 글 ${id}","deleted":${deleted}}`);

async function now(): Promise<number> {
  const [seconds] = await redis.time();
  return Number(seconds) * 1e6;
}

describe('the trash', () => {
  test('lists the person’s deleted memos, the last deleted first', async () => {
    const [me, other] = [await logIn(), await logIn()];
    const ids: number[] = [];
    for (const text of ['하나', '둘', '셋', '남는 글']) {
      ids.push((await (await me.send('POST', '/memo', { text })).json()).id);
    }
    const [one, two, three] = ids as [number, number, number];
    for (const id of [two, three, one]) await me.request(`/memo/${id}`, { method: 'DELETE' });
    await discard(other, '남의 글');
    const page = await readTrash(me);
    expect(shownIn(page)).toEqual([one, three, two]);
    expect(page).toContain('하나');
    expect(page).not.toContain('남는 글');
    expect(page).not.toContain('남의 글');
    expect(page.split(t.deleted).length - 1).toBe(3);
    const deleted = parseMemo((await trashOf(me)).at(-1)!).deleted!;
    const minute = new Date(Math.floor(deleted / 1000)).toISOString().slice(0, 16);
    expect(page).toContain(`datetime="${minute}Z"`);
  });

  test('is linked from the memos, and links back to them', async () => {
    const me = await logIn();
    expect(await (await me.request('/')).text()).toContain('href="/trash"');
    const page = await readTrash(me);
    expect(page).toContain(t.trashEmpty);
    expect(page).toMatch(new RegExp(`<a href="/"[^>]*>${t.back}</a>`));
  });

  test('shows HTML as text, and tasks that cannot be ticked', async () => {
    const me = await logIn();
    await discard(me, '- [x] <img src=x onerror=alert(1)>\n#태그');
    const page = await readTrash(me);
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(page).not.toContain('<img');
    const [box] = /<span [^>]*role="checkbox"[^>]*>/.exec(page)!;
    expect(box).toMatch(/aria-checked="true"/);
    expect(box).toMatch(/aria-disabled="true"/);
  });

  test('restores a memo to its old place', async () => {
    const me = await logIn();
    const texts = ['하나', '둘', '셋'];
    for (const text of texts) await me.send('POST', '/memo', { text });
    const before = await me.stored();
    const { id } = parseMemo(before[1]!);
    await me.request(`/memo/${id}`, { method: 'DELETE' });
    expect(actionsIn(await readTrash(me))).toContain(`/memo/${id}/restore`);
    const response = await me.post(`/memo/${id}/restore`, {});
    expect([response.status, response.headers.get('Location')]).toEqual([303, `/#m${id}`]);
    expect(await me.stored()).toEqual(before);
    expect(await trashOf(me)).toEqual([]);
    expect(shownIn(await readTrash(me))).toEqual([]);
  });

  test('deletes one memo for good', async () => {
    const me = await logIn();
    const [a, b, c] = (await discard(me, 'a', 'b', 'c')) as [number, number, number];
    expect(actionsIn(await readTrash(me))).toContain(`/trash/${b}/purge`);
    const response = await me.post(`/trash/${b}/purge`, {});
    expect([response.status, response.headers.get('Location')]).toEqual([303, '/trash']);
    expect(await idsIn(me)).toEqual([a, c]);
    expect(shownIn(await readTrash(me))).toEqual([c, a]);
    expect((await me.post(`/memo/${b}/restore`, {})).status).toBe(404);
    expect((await me.post(`/trash/${b}/purge`, {})).status).toBe(404);
    expect(await idsIn(me)).toEqual([a, c]);
  });

  test('does not delete a memo that is unknown, another person’s, or not in it', async () => {
    const [me, other] = [await logIn(), await logIn()];
    const [theirs] = await discard(other, '남의 글');
    await discard(me, '내 글');
    const { id } = await (await me.send('POST', '/memo', { text: '남는 글' })).json();
    const before = [await me.stored(), await trashOf(me), await trashOf(other)];
    for (const wrong of [theirs, id, 5, 0, '1e3', 'x', '__proto__', '9007199254740993']) {
      expect((await me.post(`/trash/${wrong}/purge`, {})).status).toBe(404);
    }
    expect([await me.stored(), await trashOf(me), await trashOf(other)]).toEqual(before);
  });

  test('asks before it is emptied, and does not empty another person’s', async () => {
    const [me, other] = [await logIn(), await logIn()];
    await discard(me, 'a', 'b');
    await discard(other, 'c');
    await me.send('POST', '/memo', { text: '남는 글' });
    const [mine, stored, theirs] = [await trashOf(me), await me.stored(), await trashOf(other)];

    const page = await readTrash(me);
    expect(page).toContain('href="/trash?confirm=1"');
    expect(actionsIn(page)).not.toContain('/trash/empty');
    const question = await readTrash(me, '?confirm=1');
    expect(question).toContain(t.emptyConfirm(2));
    expect(question).toContain(`href="/trash">${t.cancel}<`);
    expect(actionsIn(question)).toContain('/trash/empty');
    expect(shownIn(question)).toHaveLength(2);
    expect(await trashOf(me)).toEqual(mine);

    const response = await me.post('/trash/empty', {});
    expect([response.status, response.headers.get('Location')]).toEqual([303, '/trash']);
    expect(await trashOf(me)).toEqual([]);
    expect(await readTrash(me)).toContain(t.trashEmpty);
    expect(await me.stored()).toEqual(stored);
    expect(await trashOf(other)).toEqual(theirs);
  });

  test('does not ask when it is empty', async () => {
    const me = await logIn();
    for (const query of ['', '?confirm=1']) {
      const page = await readTrash(me, query);
      expect(page).toContain(t.trashEmpty);
      expect(actionsIn(page)).not.toContain('/trash/empty');
      expect(page).not.toContain(t.emptyTrash);
    }
    expect((await me.post('/trash/empty', {})).status).toBe(303);
  });

  test('does not list, restore or count memos that were deleted over 30 days ago', async () => {
    const me = await logIn();
    const time = await now();
    await plant(me, 1, time - 31 * DAY);
    await plant(me, 2, time - 30 * DAY - 60e6);
    await plant(me, 3, time - 30 * DAY + 3600e6);
    await plant(me, 4, time);
    expect(shownIn(await readTrash(me))).toEqual([4, 3]);
    expect(await readTrash(me, '?confirm=1')).toContain(t.emptyConfirm(2));
    for (const id of [1, 2]) {
      expect((await me.post(`/memo/${id}/restore`, {})).status).toBe(404);
      expect((await me.post(`/trash/${id}/purge`, {})).status).toBe(404);
    }
    expect(await me.stored()).toEqual([]);
    expect((await me.post('/memo/3/restore', {})).status).toBe(303);
    expect(await me.stored()).toEqual(['{"id":3,"text":"오래된 글 3"}']);
  });

  test('refuses other methods and paths', async () => {
    const me = await logIn();
    const [id] = await discard(me, 'a');
    for (const [method, path, status] of [
      ['GET', '/trash/empty', 405],
      ['DELETE', '/trash', 405],
      ['POST', '/trash', 405],
      ['GET', `/trash/${id}/purge`, 405],
      ['POST', `/trash/${id}`, 404],
      ['GET', '/trash/', 404],
    ] as const) {
      expect([path, (await me.request(path, { method })).status]).toEqual([path, status]);
    }
    expect(await idsIn(me)).toEqual([id]);
  });
});

test('the trash is neither shown nor emptied without a login', async () => {
  const me = await logIn();
  const [id] = await discard(me, 'a');
  for (const [method, path] of [
    ['GET', '/trash'],
    ['GET', '/trash?confirm=1'],
    ['POST', '/trash/empty'],
    ['POST', `/trash/${id}/purge`],
  ] as const) {
    const asked = await app.request(path, { method });
    expect([asked.status, asked.headers.get('Location')]).toEqual([302, '/']);
    const wants = await app.request(path, { method, headers: { Accept: 'application/json' } });
    expect([wants.status, (await wants.json()).code]).toEqual([401, 'logged-out']);
  }
  expect(await idsIn(me)).toEqual([id]);
});

test('the trash is not emptied by another site', async () => {
  const me = await logIn();
  const [id] = await discard(me, 'a');
  for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'https://evil.example' }]) {
    expect((await me.post('/trash/empty', {}, headers)).status).toBe(403);
    expect((await me.post(`/trash/${id}/purge`, {}, headers)).status).toBe(403);
  }
  expect(await idsIn(me)).toEqual([id]);
});

describe.each([
  ['/memo', '/memo'],
  ['/', ''],
])('under the prefix /memo, with the routes at %s', (BASE_PATH, base) => {
  const { logIn } = createTestApp({
    env: { PUBLIC_URL: 'https://example.com/memo', BASE_PATH },
  });

  test('all links and redirects of the trash stay inside', async () => {
    const me = await logIn();
    const { id } = await (await me.send('POST', `${base}/memo`, { text: '#태그 글' })).json();
    await me.send('POST', `${base}/memo`, { text: '남는 글' });
    await me.request(`${base}/memo/${id}`, { method: 'DELETE' });
    for (const query of ['', '?confirm=1']) {
      const page = await (await me.request(`${base}/trash${query}`)).text();
      const found = Array.from(page.matchAll(/ (?:href|src|action)="([^"]*)"/g), ([, it]) => it!);
      const inside = found.filter((address) => address.startsWith('/memo/'));
      expect(inside).toEqual(found.filter((address) => address !== '#main'));
      expect(inside).toEqual(
        expect.arrayContaining([
          '/memo/',
          `/memo/memo/${id}/restore`,
          `/memo/trash/${id}/purge`,
          query ? '/memo/trash/empty' : '/memo/trash?confirm=1',
        ]),
      );
    }
    const responses = [
      await me.post(`${base}/memo/${id}/restore`, {}),
      await me.request(`${base}/memo/${id}`, { method: 'DELETE' }),
      await me.post(`${base}/trash/${id}/purge`, {}),
      await me.post(`${base}/trash/empty`, {}),
    ];
    expect(responses.map((response) => response.headers.get('Location'))).toEqual([
      `/memo/#m${id}`,
      null,
      '/memo/trash',
      '/memo/trash',
    ]);
    const texts = (await me.stored()).map((memo) => parseMemo(memo).text);
    expect(texts).toEqual(['남는 글']);
  });
});
