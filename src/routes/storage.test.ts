/** What a person is told whose own storage is full, and what still works. */
import { expect, test } from 'vitest';
import { MESSAGES } from '../i18n/index.ts';
import { createTestApp } from '../testing/app.ts';

const { redis, logIn } = createTestApp({ env: { STORAGE_PER_PERSON: '1' } });
type Person = Awaited<ReturnType<typeof logIn>>;

const LONG = '가'.repeat(20_000); // 60 KB
const TASK = '- [ ] 우유';

/** Writes until there is no room; the first memo has a task. */
async function fill(me: Person): Promise<number[]> {
  const ids = [(await (await me.send('POST', '/memo', { text: TASK })).json()).id];
  for (;;) {
    const answer = await me.send('POST', '/memo', { text: LONG });
    if (answer.status !== 201) return ids;
    ids.push((await answer.json()).id);
  }
}

test('a program is told that it is this person’s own limit', async () => {
  const me = await logIn();
  const ids = await fill(me);
  expect(ids.length).toBeGreaterThan(10);
  const before = await me.stored();
  for (const [method, path] of [
    ['POST', '/memo'],
    ['PATCH', `/memo/${ids[0]}`],
  ] as const) {
    const answer = await me.send(method, path, { text: LONG });
    expect(answer.status).toBe(507);
    expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ status: 507, code: 'person-full' });
  }
  expect(await me.stored()).toEqual(before);
  expect((await (await logIn()).send('POST', '/memo', { text: LONG })).status).toBe(201);
});

test.each(['ko', 'en'] as const)(
  'a page says what to do and keeps the text (%s)',
  async (language) => {
    const me = await logIn();
    const [id] = await fill(me);
    const before = await me.stored();
    const [title, advice] = MESSAGES[language].problems['person-full'];
    const text = `이 글은 남는다 ${LONG}`.slice(0, 20_000);
    for (const [path, fields] of [
      ['/memo', { text, key: crypto.randomUUID() }],
      [`/memo/${id}`, { text, version: `${id}` }],
    ] as const) {
      const answer = await me.post(path, fields, {
        Accept: 'text/html',
        'Accept-Language': language,
      });
      expect(answer.status).toBe(507);
      const page = await answer.text();
      expect(page).toContain(title);
      expect(page).toContain(advice);
      expect(page).toContain(text);
    }
    expect(await me.stored()).toEqual(before);
  },
);

test('whatever needs no more room works, and emptying the trash makes room', async () => {
  const me = await logIn();
  const [task, one, two] = await fill(me);
  // Nor is there room for a few bytes.
  const key = `user:${me.id}:memos`;
  await redis.rpush(key, `{"text": "${'x'.repeat(60_000)}"}`);
  expect((await me.send('POST', '/memo', { text: LONG })).status).toBe(507);
  expect((await me.send('POST', '/memo', { text: 'x' })).status).toBe(507);

  const done = { version: `${task}`, line: '0', done: 'true' };
  expect((await me.post(`/memo/${task}/task`, done)).status).toBe(303);
  expect(JSON.parse((await me.stored())[0]!).text).toBe('- [x] 우유');
  for (const pin of ['true', 'false']) {
    expect((await me.post(`/memo/${task}/pin`, { pin })).status).toBe(303);
  }
  expect((await me.send('PATCH', `/memo/${one}`, { text: LONG.slice(1) })).status).toBe(200);
  expect((await me.request(`/memo/${one}`, { method: 'DELETE' })).status).toBe(204);
  expect((await me.request(`/memo/${one}/restore`, { method: 'POST' })).status).toBe(200);
  for (const id of [one, two]) await me.request(`/memo/${id}`, { method: 'DELETE' });
  expect((await me.send('POST', '/memo', { text: LONG })).status).toBe(507);
  expect((await me.post('/trash/empty', {})).status).toBe(303);
  expect((await me.send('POST', '/memo', { text: LONG })).status).toBe(201);
});
