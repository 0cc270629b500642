/**
 * memo.py and this server on the same two keys at the same time: `SET user:<id>` and
 * `RPUSH`/`LRANGE user:<id>:memos`, as memo.py's README shows them.
 */
import type { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createTestApp } from '../app.ts';

/** What memo.py does, in its own words: Python's `json.dumps` puts spaces and escapes. */
function memoPy(redis: Redis, userId: string) {
  const ascii = (json: string) =>
    json.replace(/[\u0080-\uffff]/g, (unit) => {
      return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
  return {
    saveUser: (name: string) =>
      redis.set(
        `user:${userId}`,
        ascii(`{"id": ${JSON.stringify(userId)}, "name": ${JSON.stringify(name)}}`),
      ),
    /** `name = json.loads(rdb.get(f'user:{userId}'))['name']` */
    name: async () => JSON.parse((await redis.get(`user:${userId}`))!).name,
    /** `rdb.rpush(f'user:{userId}:memos', json.dumps(dict(request.json)))` */
    write: (text: string) =>
      redis.rpush(`user:${userId}:memos`, ascii(`{"text": ${JSON.stringify(text)}}`)),
    /** `for memo in rdb.lrange(…, 0, -1): result.insert(0, json.loads(memo))` */
    read: async () => {
      const result: string[] = [];
      for (const memo of await redis.lrange(`user:${userId}:memos`, 0, -1)) {
        result.unshift(JSON.parse(memo).text);
      }
      return result;
    },
  };
}

test('both write, before, between and after each other, and both see everything in order', async () => {
  const { redis, logIn } = createTestApp();
  const me = await logIn();
  const old = memoPy(redis, me.id);
  const ours = async () => {
    const { memos } = await (await me.request('/memo')).json();
    return memos.map(({ text }: { text: string }) => text);
  };
  const write = async (text: string) => {
    expect((await me.send('POST', '/memo', { text })).status).toBe(201);
  };

  await old.write('하나 🎒');
  await old.write('둘');
  await write('셋');
  await old.write('넷');
  await old.write('다섯 "따옴표" \\ </script>');
  expect(await ours()).toEqual(await old.read());
  await write('여섯');
  await old.write('일곱');
  const all = ['일곱', '여섯', '다섯 "따옴표" \\ </script>', '넷', '셋', '둘', '하나 🎒'];
  expect(await ours()).toEqual(all);
  expect(await old.read()).toEqual(all);

  const { memos } = await (await me.request('/memo')).json();
  const ids = memos.map(({ id }: { id: number }) => id);
  expect(ids).toEqual([...ids].sort((a, b) => b - a));
  expect(ids.slice(-2)).toEqual([2, 1]);

  // What memo.py wrote can be edited and deleted here, and memo.py sees that, too.
  expect((await me.send('PATCH', '/memo/1', { text: '하나!' })).status).toBe(200);
  expect((await me.request('/memo/2', { method: 'DELETE' })).status).toBe(204);
  expect(await old.read()).toEqual([...all.slice(0, 5), '하나!']);
  expect((await me.request('/memo/2/restore', { method: 'POST' })).status).toBe(200);
  expect(await old.read()).toEqual([...all.slice(0, 6), '하나!']);
});

test('memo.py greets by the name of the last login, also of one here', async () => {
  const { redis, sessions, logIn } = createTestApp();
  const me = await logIn(undefined, '김메모');
  const old = memoPy(redis, me.id);
  expect(await old.name()).toBe('김메모');
  await old.saveUser('이초롱');
  // A session keeps the name of its own login.
  expect(await (await me.request('/')).text()).toContain('김메모님의 메모');
  await sessions.begin({ id: me.id, name: '박하늘' });
  expect(await old.name()).toBe('박하늘');
  expect(await redis.get(`user:${me.id}`)).toBe(`{"id":"${me.id}","name":"박하늘"}`);
});

test('a memo of memo.py’s has no date, and one that appears later has', async () => {
  const { redis, logIn } = createTestApp();
  const me = await logIn();
  const old = memoPy(redis, me.id);
  await old.write('언제인지 모르는 글');
  expect(await (await me.request('/')).text()).not.toContain('<time');
  await old.write('방금 쓴 글');
  expect((await (await me.request('/')).text()).match(/<time/g)?.length).toBe(1);
});

test('the calls of the old page keep working from its own origin', async () => {
  const { redis, app, logIn } = createTestApp();
  const me = await logIn();
  await memoPy(redis, me.id).write('옛 글');
  const browser = {
    Accept: '*/*',
    Origin: 'http://localhost:8000',
    'Sec-Fetch-Site': 'same-origin',
  };

  const login = await app.request('/login', { headers: browser });
  expect(login.status).toBe(302);
  expect(login.headers.get('Location')).toMatch(
    /^https:\/\/nid\.naver\.com\/oauth2\.0\/authorize\?/,
  );

  const posted = await me.send('POST', '/memo', { text: '새 글' }, browser);
  expect(posted.status).toBe(201);
  const read = await me.request('/memo', { headers: browser });
  expect(read.headers.get('Content-Type')).toMatch(/^application\/json/);
  expect((await read.json()).memos).toMatchObject([{ text: '새 글' }, { text: '옛 글' }]);

  for (const init of [
    { headers: browser },
    {
      method: 'POST',
      body: '{"text":"x"}',
      headers: { ...browser, 'Content-Type': 'application/json' },
    },
  ]) {
    const refused = await app.request('/memo', init);
    expect(refused.status).toBe(302);
    expect(refused.headers.get('Location')).toBe('/');
  }
});
