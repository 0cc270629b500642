/** Responses to a person whose storage is used up, and what still works then. */
import { expect, test } from 'vitest';
import { MESSAGES } from '../i18n/index.ts';
import { createTestApp } from '../testing/app.ts';

const { redis, logIn } = createTestApp({ env: { STORAGE_PER_PERSON: '1' } });
type Person = Awaited<ReturnType<typeof logIn>>;

const LONG = '가'.repeat(20_000); // 60 KB
const TASK = '- [ ] 우유';

/** Saves memos until there is no room; the first one is a task. */
async function fill(me: Person): Promise<number[]> {
  const ids = [(await (await me.send('POST', '/memo', { text: TASK })).json()).id];
  for (;;) {
    const response = await me.send('POST', '/memo', { text: LONG });
    if (response.status !== 201) return ids;
    ids.push((await response.json()).id);
  }
}

test('the API responds with 507 and person-full when the person’s storage is used up', async () => {
  const me = await logIn();
  const ids = await fill(me);
  expect(ids.length).toBeGreaterThan(10);
  const before = await me.stored();
  for (const [method, path] of [
    ['POST', '/memo'],
    ['PATCH', `/memo/${ids[0]}`],
  ] as const) {
    const response = await me.send(method, path, { text: LONG });
    expect(response.status).toBe(507);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 507, code: 'person-full' });
  }
  expect(await me.stored()).toEqual(before);
  expect((await (await logIn()).send('POST', '/memo', { text: LONG })).status).toBe(201);
});

test.each(['ko', 'en'] as const)(
  'the error page for a person whose storage is used up says what to do, and keeps the text (%s)',
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
      const response = await me.post(path, fields, {
        Accept: 'text/html',
        'Accept-Language': language,
      });
      expect(response.status).toBe(507);
      const page = await response.text();
      expect(page).toContain(title);
      expect(page).toContain(advice);
      expect(page).toContain(text);
    }
    expect(await me.stored()).toEqual(before);
  },
);

test('changes that need no more storage work, and emptying the trash makes room', async () => {
  const me = await logIn();
  const [task, one, two] = await fill(me);
  // Now there is not even room for a few bytes.
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
