/** Responses to htmx: the part of a page that changes, and notices of problems. */
import { describe, expect, test } from 'vitest';
import { MESSAGES } from '../i18n/index.ts';
import { createTestApp } from '../testing/app.ts';

const t = MESSAGES.ko;
const HX = { 'HX-Request': 'true' };

const { redis, logIn } = createTestApp({ env: { PUBLIC_URL: 'http://localhost:8000/memo' } });
type Person = Awaited<ReturnType<typeof logIn>>;

/** Stores memos with the ids 1, 2, 3… */
async function fill({ id }: Person, count: number, text = (i: number) => `글 ${i}`) {
  const memos = Array.from({ length: count }, (_, i) => `{"id":${i + 1},"text":"${text(i + 1)}"}`);
  await redis.rpush(`user:${id}:memos`, ...memos);
}

const open = (me: Person, path: string) => me.request(`/memo${path}`, { headers: HX });
const press = (me: Person, path: string, fields: Record<string, string> = {}) =>
  me.post(`/memo${path}`, fields, HX);
const idsIn = (html: string) =>
  Array.from(html.matchAll(/<article id="m(\d+)"/g), ([, id]) => Number(id));

/** Asserts a fragment: a title and a main part, without the frame of the page. */
async function readFragment(response: Response): Promise<string> {
  expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
  expect(response.headers.get('Cache-Control')).toBe('private, no-store');
  expect(response.headers.get('Memo-Fragment')).toBe('true');
  const html = await response.text();
  expect(html).toMatch(/^<title>[^<]+<\/title><main id="main"/);
  expect(html).not.toMatch(/<html|<body|<head\b|class="bar"|class="search"|<script/);
  return html;
}

/** Asserts a notice of a problem, on a page that stays as it is. */
async function readNotice(response: Response, status: number): Promise<string> {
  expect(response.status).toBe(status);
  expect(response.headers.get('HX-Retarget')).toBe('#notice');
  expect(response.headers.get('HX-Reswap')).toMatch(/^innerHTML/);
  expect(response.headers.get('HX-Push-Url')).toBe('false');
  expect(response.headers.get('Memo-Fragment')).toBe('true');
  const html = await response.text();
  expect(html).toContain('role="alert"');
  expect(html).not.toMatch(/<main|<html/);
  return html;
}

describe('htmx', () => {
  test('gets the main part of the page, of the editor and of the trash', async () => {
    const me = await logIn();
    await fill(me, 3);
    const page = await open(me, '/');
    expect(page.status).toBe(200);
    expect(idsIn(await readFragment(page))).toEqual([3, 2, 1]);
    const editor = await readFragment(await open(me, '/?edit=2'));
    expect(idsIn(editor)).toEqual([3, 1]);
    expect(editor).toContain('action="/memo/memo/2"');
    expect(editor.indexOf('id="m3"')).toBeLessThan(editor.indexOf('id="edit-2"'));
    expect(editor.indexOf('id="edit-2"')).toBeLessThan(editor.indexOf('id="m1"'));
    expect(await readFragment(await open(me, '/trash'))).toContain(t.trashEmpty);
  });

  test('is loaded by the whole page that a browser gets', async () => {
    const html = await (await (await logIn()).request('/memo/')).text();
    expect(html).toMatch(/^<!DOCTYPE html><html/);
    expect(html).toMatch(/<script type="module" src="\/memo\/assets\/app\.\w+\.js">/);
    expect(html).toContain('data-events="/memo/memo/events"');
  });

  test('gets the changed page of the list that a form was sent from', async () => {
    const me = await logIn();
    await fill(me, 120, (i) => `- [ ] 우유 ${i}`);
    const view = { q: '우유', through: '21' };
    const where = '/memo/?through=21&q=%EC%9A%B0%EC%9C%A0';
    const send = async (path: string, fields: Record<string, string> = {}) => {
      const response = await press(me, path, { ...view, ...fields });
      expect(response.status).toBe(200);
      expect(response.headers.get('HX-Replace-Url')).toBe(where);
      const html = await readFragment(response);
      expect(html).toContain('<hx-partial hx-target="#notice"');
      return html;
    };
    const down = (from: number, to: number) =>
      Array.from({ length: from - to + 1 }, (_, i) => from - i);
    expect(idsIn(await send('/memo/120', { text: '우유 많이', version: '120' }))).toEqual(
      down(120, 21),
    );
    expect(await send('/memo/119/task', { version: '119', line: '0', done: 'true' })).toMatch(
      /aria-checked="true"[^>]*aria-labelledby="m119-0"/,
    );
    expect(await send('/memo/118/pin', { pin: 'true' })).toContain(t.pinDone);
    const without = await send('/memo/117/delete');
    expect(idsIn(without)).toEqual([120, 119, 118, ...down(116, 20)]);
    expect(without).toContain('action="/memo/memo/117/restore"');
    expect(idsIn(await send('/memo/117/restore'))).toEqual(down(120, 21));
    const stored = (await me.stored()).slice(-4).map((memo) => JSON.parse(memo));
    expect(stored).toMatchObject([
      { id: 117, text: '- [ ] 우유 117' },
      { id: 118, pin: true },
      { id: 119, text: '- [x] 우유 119' },
      { id: 120, text: '우유 많이' },
    ]);
  });

  test('gets the page with a new memo, which is stored once for its key', async () => {
    const me = await logIn();
    for (let i = 0; i < 2; i++) {
      const response = await press(me, '/memo', { text: '새 글', key: 'k1' });
      expect(response.status).toBe(200);
      const html = await readFragment(response);
      expect(idsIn(html)).toHaveLength(1);
      expect(html).toContain(t.saved);
    }
    expect(await me.stored()).toHaveLength(1);
  });

  test('gets a page on which the editor of another memo stays open', async () => {
    const me = await logIn();
    await fill(me, 3);
    const html = await readFragment(await press(me, '/memo/1/pin', { pin: 'true', edit: '3' }));
    expect(html).toContain('id="edit-3"');
    const saved = await readFragment(
      await press(me, '/memo/3', { text: '고침', version: '3', edit: '3' }),
    );
    expect(saved).not.toContain('id="edit-3"');
  });

  test('gets older memos as items of the list, and one memo as a card', async () => {
    const me = await logIn();
    await fill(me, 70);
    const response = await open(me, '/memo?before=60');
    const html = await response.text();
    expect(html).toMatch(/^<li><article/);
    expect(idsIn(html)).toEqual(Array.from({ length: 50 }, (_, i) => 59 - i));
    expect(html).toContain('hx-get="/memo/memo?before=10"');
    const last = await (await open(me, '/memo?before=10&q=%EA%B8%80+7')).text();
    expect(idsIn(last)).toEqual([7]);
    expect(last).not.toContain('hx-get');
    const card = await open(me, '/memo/7');
    expect(await card.text()).toMatch(/^<article id="m7"/);
  });

  test('gets a notice of a refused request, and its page stays', async () => {
    const me = await logIn();
    await fill(me, 1);
    const before = await me.stored();
    expect(await readNotice(await press(me, '/memo', { text: ' ' }), 400)).toContain(
      t.problems['text-blank'][0],
    );
    expect(
      await readNotice(
        await press(me, '/memo/1/task', { version: '9', line: '0', done: 'true' }),
        412,
      ),
    ).toContain(t.problems['task-changed'][0]);
    await readNotice(await press(me, '/memo/9/delete'), 404);
    await readNotice(await open(me, '/?edit=9'), 404);
    await readNotice(await open(me, '/nothing'), 404);
    expect(await me.stored()).toEqual(before);
  });

  test('gets a page when the person has to decide', async () => {
    const me = await logIn();
    await fill(me, 1);
    await me.send('PATCH', '/memo/memo/1', { text: '저쪽 글' });
    const conflict = await press(me, '/memo/1', { text: '내 글', version: '1' });
    expect(conflict.status).toBe(412);
    expect(conflict.headers.get('HX-Retarget')).toBeNull();
    expect(conflict.headers.get('HX-Push-Url')).toBe('false');
    const html = await readFragment(conflict);
    expect(html).toContain('저쪽 글');
    expect(html).toContain('내 글</textarea>');
    expect(JSON.parse((await me.stored())[0]!).text).toBe('저쪽 글');
  });

  test('without a login gets a notice, and its page stays', async () => {
    const me = await logIn();
    await fill(me, 1);
    await me.post('/memo/logout', {});
    for (const response of [
      await open(me, '/'),
      await open(me, '/trash'),
      await open(me, '/memo'),
      await open(me, '/memo/events'),
      await press(me, '/memo', { text: '쓰던 글', key: 'k2' }),
      await press(me, '/memo/1/delete'),
    ]) {
      const html = await readNotice(response, 401);
      expect(html).toContain('href="http://localhost:8000/memo/login"');
      expect(html).not.toContain('글 1');
    }
    expect(await me.stored()).toHaveLength(1);
  });
});

describe('the page with the parameter through', () => {
  test('goes down to that memo, and less than 50 memos beyond', async () => {
    const me = await logIn();
    await fill(me, 200);
    for (const through of [151, 150, 101, 30, 1]) {
      const ids = idsIn(await (await me.request(`/memo/?through=${through}`)).text());
      expect(ids[0]).toBe(200);
      expect(ids.at(-1)).toBeLessThanOrEqual(through);
      expect(ids.at(-1)).toBeGreaterThan(through - 50);
    }
    expect((await me.request('/memo/?through=x')).status).toBe(400);
  });

  test('has 1,000 memos at most', async () => {
    const me = await logIn();
    await fill(me, 1200);
    const html = await (await me.request('/memo/?through=1')).text();
    expect(idsIn(html)).toHaveLength(1000);
    expect(html).toContain('href="/memo/?before=201"');
  });
});
