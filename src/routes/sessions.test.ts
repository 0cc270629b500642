/** The list of a person's sessions, ending one, and ending all. */

import { describe, expect, test } from 'vitest';
import { SESSIONS_PER_PERSON } from '../memo/bounds.ts';
import { createChanges } from '../store/changes.ts';
import { createSessionStore } from '../store/sessions.ts';
import { connect, createTestApp } from '../testing/app.ts';

const { app, sessions, redis, logIn } = createTestApp();
const PHONE =
  'Mozilla/5.0 (Linux; Android 15; SM-S928N) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36';
const LAPTOP =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Whale/4.33.325.13 Safari/537.36';

/** The ids that the page has buttons for, and the name and the times of each session. */
async function readList(cookie: string) {
  const html = await (await app.request('/sessions', { headers: { Cookie: cookie } })).text();
  return {
    html,
    ids: Array.from(html.matchAll(/action="\/sessions\/([0-9a-f]{16})\/end"/g), ([, id]) => id!),
    times: Array.from(html.matchAll(/<span>([^<]*): <time datetime="([^"]*)"/g), ([, ...it]) => it),
    names: Array.from(html.matchAll(/<div class="text" id="s\w+">([^<]*)</g), ([, name]) => name),
  };
}

const post = (cookie: string, path: string) =>
  app.request(path, { method: 'POST', headers: { Cookie: cookie }, body: new URLSearchParams() });
const isIn = async (cookie: string) =>
  (await app.request('/memo', { headers: { Cookie: cookie } })).status === 200;

describe('a person’s sessions', () => {
  test('are listed by browser and system, each but the current one with a button to end it', async () => {
    const me = await logIn();
    await sessions.begin({ id: me.id, name: me.name }, PHONE);
    await sessions.begin({ id: me.id, name: me.name }, LAPTOP);
    await sessions.begin({ id: me.id, name: me.name }, '<b>curl</b>'.repeat(100));
    const { html, ids, names, times } = await readList(me.cookie);
    expect(names.toSorted()).toEqual(
      [
        'Samsung Internet · Android',
        'Whale · Windows',
        '알 수 없는 브라우저',
        '알 수 없는 브라우저',
      ].toSorted(),
    );
    const iso = (ms: number) => new Date(ms).toISOString().replace(/:[^:]*Z$/, 'Z');
    expect(times).toEqual(
      (await sessions.list(me.id)).flatMap(({ began, used }) => [
        ['로그인', iso(began)],
        ['마지막 사용', iso(used)],
      ]),
    );
    expect(ids).toHaveLength(3);
    expect(html.match(/지금 이 브라우저/g)).toHaveLength(1);
    expect(html).not.toContain('<b>curl');
    for (const stored of await Promise.all(
      (await redis.smembers(`user:${me.id}:sessions`)).map((hash) => redis.get(`session:${hash}`)),
    )) {
      expect(JSON.parse(stored!).browser.length).toBeLessThanOrEqual(250);
    }
  });

  test('can be ended one by one', async () => {
    const me = await logIn();
    const phone = `userId=${await sessions.begin({ id: me.id, name: me.name }, PHONE)}`;
    const [id] = (await readList(me.cookie)).ids;
    const response = await post(me.cookie, `/sessions/${id}/end`);
    expect([response.status, response.headers.get('Location')]).toEqual([303, '/sessions']);
    expect([await isIn(me.cookie), await isIn(phone)]).toEqual([true, false]);
    expect((await readList(me.cookie)).ids).toEqual([]);
    expect(await redis.scard(`user:${me.id}:sessions`)).toBe(1);
  });

  test('can be ended all at once, without those of other people', async () => {
    const [me, other] = [await logIn(), await logIn()];
    const phone = `userId=${await sessions.begin({ id: me.id, name: me.name }, PHONE)}`;
    const response = await post(me.cookie, '/sessions/end');
    expect([response.status, response.headers.get('Location')]).toEqual([303, '/']);
    expect(response.headers.get('Set-Cookie')).toMatch(/^userId=; Max-Age=0/);
    expect([await isIn(me.cookie), await isIn(phone)]).toEqual([false, false]);
    expect(await isIn(other.cookie)).toBe(true);
    expect(await redis.exists(`user:${me.id}:sessions`)).toBe(0);
  });

  test('tell their last use to the hour, and end after 180 days', async () => {
    const HOUR = 3_600_000; // ms
    let now = Date.now() - 100 * 24 * HOUR;
    const clock = createSessionStore(connect(), () => now);
    const me = await logIn();
    const token = await clock.begin({ id: me.id, name: me.name });
    const began = now;
    const used = async () => (await clock.list(me.id)).find((it) => it.began === began)!.used;
    now += HOUR / 2;
    await clock.find(token);
    expect(await used()).toBe(began);
    now += 24 * HOUR;
    await clock.find(token);
    expect(await used()).toBe(now);
    now = began + 180 * 24 * HOUR + 1;
    expect(await clock.find(token)).toBeUndefined();
  });

  test('end beyond the limit, the least used first, and their pages are told', async () => {
    const me = await logIn();
    const earlier = createSessionStore(connect(), () => Date.now() - 2 * 3_600_000);
    const old = `userId=${await earlier.begin({ id: me.id, name: me.name }, PHONE)}`;
    let checks = 0;
    await createChanges(redis, connect()).subscribe(me.id, {
      tell: () => {},
      check: () => checks++,
      end: () => {},
    });
    const rest = SESSIONS_PER_PERSON - 2;
    for (let i = 0; i < rest; i++) await sessions.begin({ id: me.id, name: me.name });
    expect((await readList(me.cookie)).ids).toHaveLength(SESSIONS_PER_PERSON - 1);
    expect(checks).toBe(0);
    await logIn(me.id);
    await expect.poll(() => checks).toBe(1);
    expect((await readList(me.cookie)).ids).toHaveLength(SESSIONS_PER_PERSON - 1);
    expect([await isIn(me.cookie), await isIn(old)]).toEqual([true, false]);
  });

  test('of thousands, from before there was a limit: the page lists the last used and its own', async () => {
    const me = await logIn();
    const pipeline = redis.pipeline();
    for (let i = 0; i < 3000; i++) {
      const hash = `${i}`.padStart(64, '0');
      const session = { user: me.id, began: 0, used: Date.now() + i, browser: PHONE };
      pipeline.set(`session:${hash}${me.id}`, JSON.stringify(session));
      pipeline.sadd(`user:${me.id}:sessions`, hash + me.id);
    }
    await pipeline.exec();
    const { ids, html } = await readList(me.cookie);
    expect(ids).toHaveLength(SESSIONS_PER_PERSON - 1);
    expect(html.match(/지금 이 브라우저/g)).toHaveLength(1);
    expect(await isIn(me.cookie)).toBe(true);
    expect(await redis.scard(`user:${me.id}:sessions`)).toBe(SESSIONS_PER_PERSON);
  });

  test('that have ended are not revived by a request at the same moment', async () => {
    const me = await logIn();
    const earlier = createSessionStore(connect(), () => Date.now() - 2 * 3_600_000);
    const token = await earlier.begin({ id: me.id, name: me.name });
    const session = (await earlier.find(token))!;
    // Used two hours ago, so that `find` writes it.
    await Promise.all([sessions.find(token), sessions.end(session), sessions.find(token)]);
    expect(await redis.exists(`session:${session.hash}`)).toBe(0);
  });
});
