/** Nobody takes the server down, or anybody's time: whatever somebody else decides has a bound. */
import { expect, onTestFinished, test } from 'vitest';
import { startNaverStandIn } from '../../../scripts/naver.ts';
import * as attack from '../attack.ts';
import {
  type Answer,
  AWKWARD,
  BROWSER,
  cardsOn,
  expectUnharmed,
  fill,
  HTMX,
  head,
  many,
  openLine,
  plant,
  plantTrash,
  readOn,
  send,
  sendForm,
  sendRaw,
  setUp,
  shareServer,
  soon,
  statusesOf,
  watch,
  withstand,
} from '../attack.ts';
import { connectTo, createPerson } from '../stage.ts';

shareServer();

/** A page, with the memo that was one too many, in bytes. */
const PAGE = 1_200_000;
/** A page that says what is wrong, in bytes. */
const NOTICE = 32 * 1024;

const statuses = (answers: Answer[]) => [...new Set(answers.map(({ status }) => status))].sort();
const withStatus = (answers: Answer[], status: number) =>
  answers.filter((answer) => answer.status === status);

// Bodies

test('a body in a million chunks of a byte ends its connection, and nobody else notices', async () => {
  const { answers, stage } = await withstand(attack.chunksOfOneByte);
  expect(answers.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
  expect(await stage.me.stored()).toEqual([]);
});

test('those who do not end what they send, or take what they asked for, are in nobody’s way', {
  timeout: 60_000,
}, async () => {
  const stage = await setUp();
  await attack.unreadAnswers.prepare!(stage, 0);
  const { result, seen } = await watch(stage, () =>
    Promise.all([
      attack.heldForms.run(stage, attack.heldForms.sizes[0]),
      attack.unreadAnswers.run(stage, attack.unreadAnswers.sizes[0]),
    ]),
  );
  await expectUnharmed(stage, seen);
  const [large, allowed] = [result[0].slice(0, 200), result[0].slice(200)];
  // All have been let go by now. Whoever is refused while they send may miss why.
  for (const { status } of large) expect([413, 503, 0]).toContain(status);
  for (const { status, headers } of allowed) {
    expect([503, 408, 0]).toContain(status);
    if (status === 503) expect(headers['retry-after']).toBe('1');
  }
  // All that is held together is 32 MiB.
  expect(withStatus(allowed, 503).length).toBeGreaterThanOrEqual(200 - 128);
});

test('a text that is too large is not read back to whoever sent it', async () => {
  const { answers } = await withstand(attack.echoedForms);
  expect(statuses(answers)).toEqual([401, 413]);
  for (const { bytes } of withStatus(answers, 413)) expect(bytes).toBeLessThan(NOTICE);
  for (const { bytes, path } of withStatus(answers, 401)) {
    expect(path).toBe('/memo');
    expect(bytes).toBeLessThan(3_000_000);
  }
});

test('forms of a few fields are a few kilobytes at most', async () => {
  const stage = await setUp();
  const { me, redis } = stage;
  const [id] = await plant(redis, me, ['- [ ] 하나']);
  const session = await sessionsOf(stage);
  for (const [path, fields] of [
    ['/settings', 'language=en'],
    ['/sessions/end', ''],
    [`/sessions/${session[0]}/end`, ''],
    [`/memo/${id}/pin`, 'pin=true'],
    [`/memo/${id}/task`, `version=${id}&line=0&done=true`],
    [`/memo/${id}/delete`, ''],
    ['/trash/empty', ''],
  ]) {
    const answer = await sendForm(stage, path!, `${fields}&more=${'x'.repeat(9_000)}`, {
      person: me,
    });
    expect([path, answer.status]).toEqual([path, 413]);
    expect(answer.bytes).toBeLessThan(NOTICE);
    expect(answer.headers['set-cookie']).toBeUndefined();
  }
  expect(await me.stored()).toEqual(['- [ ] 하나']);
  expect(await sessionsOf(stage)).toEqual(session);
});

test.each([
  ['application/json', '{"text":"가나다 라마바 사아자 차카타"}'],
  ['application/x-www-form-urlencoded', 'text=가나다 라마바 사아자 차카타'],
])('a text (%s) is stored whole, in however many pieces its bytes come', async (type, text) => {
  const stage = await setUp();
  const { me, port, redis } = stage;
  const body = Buffer.from(text);
  const pieces = [body.subarray(0, 13), body.subarray(13, 14), body.subarray(14)];
  const inChunks = pieces.map((piece) =>
    Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
  );
  const sized = { 'Content-Type': type, 'Content-Length': body.length };
  const chunked = { 'Content-Type': type, 'Transfer-Encoding': 'chunked' };
  const messages = [
    [head('POST /memo', sized, me), ...pieces],
    [head('POST /memo', chunked, me), ...inChunks, '0\r\n\r\n'],
  ].map((parts) => parts.map((part) => Buffer.from(part)));
  const stored: string[] = [];
  for (const message of messages) {
    // At once; each by itself, while the server waits for Redis; and each when it waits for the next.
    for (const way of ['together', 'meanwhile', 'awaited']) {
      const line = openLine(port);
      line.socket.setNoDelay(true);
      if (way === 'meanwhile') await redis.client('PAUSE', 300);
      for (const part of way === 'together' ? [Buffer.concat(message)] : message) {
        line.socket.write(part);
        if (way !== 'together') await send(stage, '/healthz');
        if (way === 'awaited') await redis.ping();
      }
      await soon(() => line.answers).toBe(1);
      expect(['201', '303']).toContain(line.said.slice(9, 12));
      stored.push('가나다 라마바 사아자 차카타');
      expect(await me.stored()).toEqual(stored);
    }
  }
});

test('what has no session is refused before it is read', async () => {
  const stage = await setUp();
  const headers = { 'Content-Type': 'application/json', 'Content-Length': 100_000 };
  const answer = await sendRaw(stage, '/memo', [
    head('POST /memo', { ...headers, Accept: 'application/json' }),
  ]);
  expect(answer.status).toBe(401);
});

test.each([
  ['application/json', '{"text":"늦은 글"}'],
  ['application/x-www-form-urlencoded', 'text=늦은 글'],
])('a memo (%s) that arrives after its session was ended is not saved', async (type, text) => {
  const stage = await setUp();
  const { me, port, redisUrl } = stage;
  const body = Buffer.from(text);
  const watching = await connectTo(redisUrl).monitor();
  onTestFinished(() => watching.disconnect());
  const looked = new Promise((resolve) => {
    watching.on('monitor', (_, [command, key]) => {
      if (/^get$/i.test(command) && key.startsWith('session:')) resolve(key);
    });
  });
  const line = openLine(port);
  const isForm = type !== 'application/json';
  const headers = {
    'Content-Type': type,
    'Content-Length': body.length,
    Accept: isForm ? 'text/html' : 'application/json',
  };
  line.socket.write(head('POST /memo', headers, me));
  line.socket.write(body.subarray(0, 9));
  // A server that reads the body first does not look yet; one that looks has let somebody in.
  await Promise.race([looked, isSettled()]);
  expect((await sendForm(stage, '/logout', '', { person: me })).status).toBe(303);
  line.socket.write(body.subarray(9));
  await soon(() => statusesOf(line)).toEqual([401]);
  expect(await me.stored()).toEqual([]);
  if (isForm) {
    await soon(() => Buffer.from(line.said, 'latin1').toString()).toContain('늦은 글');
  }

  /** Several answers later, whatever was sent before them has been looked at. */
  async function isSettled() {
    for (let i = 0; i < 20; i++) await send(stage, '/healthz');
  }
});

// Connections

test('a connection that asks twenty thousand times in a row is ended', async () => {
  const { answers } = await withstand(attack.manyInARow);
  for (const { bytes } of answers) expect(bytes).toBeLessThanOrEqual(16);
});

test('a body that nobody asked for keeps nobody from theirs, however it is sent', async () => {
  const { answers } = await withstand(attack.endlessBodies);
  expect(statuses(answers)).toEqual([200, 303, 404]);
});

test('sixteen requests in a row are answered in their order', async () => {
  const { port } = await setUp();
  const line = openLine(port);
  const pair = head('GET /healthz') + head('GET /nowhere');
  line.socket.write(pair.repeat(8));
  await soon(() => line.answers).toBe(16);
  expect(statusesOf(line)).toEqual(many(16, (i) => (i % 2 ? 404 : 200)));
  line.socket.write(pair.repeat(8));
  await soon(() => line.answers).toBe(32);
  expect(line.ended).toBe(false);
});

test('what a proxy may have read as another request is refused, and ends the connection', async () => {
  const { port } = await setUp();
  for (const [request, status] of [
    ['GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    ['GET /healthz HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n', 400],
    ['GET /healthz HTTP/1.1\r\nHost:\r\n\r\n', 400],
    ['GET /healthz HTTP/1.1\r\n\r\n', 400],
    ['GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n', 400],
    ['GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n', 200],
  ] as const) {
    const line = openLine(port);
    line.socket.write(request);
    await soon(() => [request, ...statusesOf(line)]).toEqual([request, status]);
    if (status !== 200) await soon(() => line.ended).toBe(true);
  }
});

// Pages

test('a trash of long task lists is shown in parts, and all of it', async () => {
  const { stage, answers } = await withstand(attack.tasksInTrash);
  expect(statuses(answers)).toEqual([200]);
  const pages = await readOn(stage, '/trash');
  for (const { bytes } of [...answers, ...pages]) expect(bytes).toBeLessThan(PAGE);
  const shown = cardsOn(pages);
  expect(shown).toHaveLength(29);
  expect(shown).toEqual([...new Set(shown)].sort((a, b) => b - a));
});

test('a page of long task lists ends where it gets too long, and goes on', async () => {
  const { stage, answers } = await withstand(attack.tasksOnPage);
  expect(statuses(answers)).toEqual([200]);
  const pages = await readOn(stage, '/');
  for (const { bytes } of [...answers, ...pages]) expect(bytes).toBeLessThan(PAGE);
  const shown = cardsOn(pages);
  expect(shown).toHaveLength(30);
  expect(shown).toEqual([...new Set(shown)].sort((a, b) => b - a));
});

test('fifty entries of the trash are a page', async () => {
  const stage = await setUp();
  await plantTrash(
    stage.redis,
    stage.me,
    many(120, (i) => `지운 글 ${i}`),
  );
  const pages = await readOn(stage, '/trash');
  expect(pages.map((it) => cardsOn([it]).length)).toEqual([50, 50, 20]);
});

test('a query is a hundred characters, however long it is sent', async () => {
  const { answers } = await withstand(attack.longQueries);
  expect(statuses(answers)).toEqual([200]);
  for (const { bytes, text } of answers) {
    expect(bytes).toBeLessThan(PAGE);
    expect(text).not.toMatch(/(?:a[ +]){60}|(?:&quot;|%22){101}/);
  }
});

test('texts of nothing but tags, links and marks become no larger than a page', async () => {
  const { answers } = await withstand(attack.denseTexts);
  expect(statuses(answers)).toEqual([200]);
  for (const { bytes } of answers) expect(bytes).toBeLessThan(PAGE);
});

test('what is too long to be shown in its form is still shown as text', async () => {
  const stage = await setUp();
  const [id] = await plant(stage.redis, stage.me, [`${fill('#a ').slice(0, -4)}끝`]);
  for (const [path, headers] of [
    ['/', BROWSER],
    ['/?q=a', BROWSER],
    [`/memo/${id}`, HTMX],
  ] as const) {
    const { text } = await send(stage, path, { person: stage.me, headers });
    const words = text.slice(text.indexOf(`id="m${id}"`)).replaceAll(/<[^>]*>/g, '');
    expect(words.split('#a').length - 1).toBeGreaterThan(6_660);
    expect(words).toContain('끝');
  }
});

// People

test('of fifty searches of one account the newest is done, and nobody else waits', async () => {
  const { stage, answers } = await withstand(attack.manySearches);
  expect(statuses(answers)).toEqual([200, 429]);
  for (const { headers } of withStatus(answers, 429)) expect(headers['retry-after']).toBe('1');
  expect((await send(stage, '/memo?q=1', { person: stage.me })).status).toBe(200);
});

test('searches of twenty accounts are all done, a few at once', async () => {
  const { answers } = await withstand(attack.manyPeopleSearch);
  for (const { status } of answers) expect([200, 429]).toContain(status);
  expect(withStatus(answers, 200).length).toBeGreaterThanOrEqual(20);
});

test('of a hundred large reads of one account a few are under way, and none blames the storage', async () => {
  const { answers } = await withstand(attack.largeReads);
  expect(statuses(answers)).toEqual([200, 429]);
  for (const { headers } of withStatus(answers, 429)) expect(headers['retry-after']).toBe('1');
});

test('large reads of many people share what the process has, and none blames the storage', async () => {
  const { answers } = await withstand(attack.peopleReadMuch);
  for (const { status, headers, text } of answers) {
    expect([200, 429, 503]).toContain(status);
    if (status === 200) continue;
    expect(JSON.parse(text).code).toBe('busy');
    expect(headers['retry-after']).toBe('1');
  }
  expect(withStatus(answers, 200).length).toBeGreaterThan(20);
});

test('what is left as soon as it is asked for is no more work than what is waited for', async () => {
  await withstand(attack.abandoned);
});

test('a head full of words is read once, or refused', async () => {
  const { answers } = await withstand(attack.longHeaders);
  for (const { status } of answers) expect([200, 302, 431]).toContain(status);
});

// What is stored

test('an id that is not there is not looked for in all of the trash', async () => {
  const { answers } = await withstand(attack.absentIds);
  expect(statuses(answers)).toEqual([404]);
});

test('whatever memo.py has stored is numbered in bounded steps, and read as it was', async () => {
  const { stage, answers } = await withstand(attack.memoPyElements);
  expect(statuses(answers)).toEqual([200]);
  const { text } = await send(stage, '/memo', { person: stage.me });
  const { memos } = JSON.parse(text) as { memos: { id: number; text: string }[] };
  memos.reverse();
  const texts = [...many(5_000, (i) => `글 ${i}`), ...AWKWARD.map((it) => JSON.parse(it).text)];
  expect(memos.map((memo) => memo.text)).toEqual(texts);
  expect(memos.map(({ id }) => id)).toEqual(many(texts.length, (i) => i + 1));
});

test('the trash keeps the newest thousand', async () => {
  const stage = await setUp();
  const { me, redis } = stage;
  const old = await plantTrash(
    redis,
    me,
    many(1_000, (i) => `지운 글 ${i}`),
  );
  const ids = await plant(
    redis,
    me,
    many(20, (i) => `글 ${i}`),
  );
  for (const id of ids) {
    const answer = await send(stage, `/memo/${id}`, { method: 'DELETE', person: me });
    expect(answer.status).toBe(204);
  }
  const entries = (await redis.lrange(`user:${me.id}:trash`, 0, -1)).map((it) => JSON.parse(it).id);
  expect(entries).toEqual([...old.slice(20), ...ids]);
});

test('the trash keeps the newest 16 MiB', async () => {
  const stage = await setUp();
  const { me, redis } = stage;
  await plantTrash(
    redis,
    me,
    many(840, () => 'x'.repeat(20_000)),
  );
  const ids = await plant(
    redis,
    me,
    many(30, () => 'y'.repeat(20_000)),
  );
  for (const id of ids) await send(stage, `/memo/${id}`, { method: 'DELETE', person: me });
  const entries = await redis.lrange(`user:${me.id}:trash`, 0, -1);
  const bytes = entries.reduce((sum, it) => sum + Buffer.byteLength(it), 0);
  expect(bytes).toBeLessThanOrEqual(16 << 20);
  expect(bytes).toBeGreaterThan(15 << 20);
  expect(entries.slice(-30).map((it) => JSON.parse(it).id)).toEqual(ids);
});

test('what an older version has left in the trash is bounded by the next deletion', async () => {
  const stage = await setUp();
  const { me, redis } = stage;
  const key = `user:${me.id}:trash`;
  await plantTrash(
    redis,
    me,
    many(50_000, (i) => `지운 글 ${i}`),
  );
  const [id] = await plant(redis, me, ['글']);
  await send(stage, `/memo/${id}`, { method: 'DELETE', person: me });
  for (let i = 0; (await redis.llen(key)) > 1_000; i++) {
    expect(i).toBeLessThan(100);
    const [more] = await plant(redis, me, [`글 ${i}`]);
    await send(stage, `/memo/${more}`, { method: 'DELETE', person: me });
  }
});

/** The ids on the page of devices. */
async function sessionsOf(stage: attack.Stage, person = stage.me) {
  const { text } = await send(stage, '/sessions', { person, headers: BROWSER });
  return Array.from(text.matchAll(/\/sessions\/([0-9a-f]{16})\/end/g), ([, id]) => id!);
}

test('a person has fifty sessions: one more ends the least used', async () => {
  const stage = await setUp();
  const people = [];
  for (let i = 0; i < 60; i++) people.push(await createPerson(stage.redis, stage.me.id));
  const open: boolean[] = [];
  for (const person of people) {
    open.push((await send(stage, '/memo?limit=1', { person })).status === 200);
  }
  expect(open.filter(Boolean)).toHaveLength(50);
  expect(open.at(-1)).toBe(true);
  expect((await sessionsOf(stage, people.at(-1))).length).toBeLessThanOrEqual(50);
});

test('thousands of sessions that somebody has are a page, and fifty after the next login', async () => {
  const { stage, answers } = await withstand(attack.manySessions);
  expect(statuses(answers)).toEqual([200]);
  for (const { bytes } of answers) expect(bytes).toBeLessThan(PAGE);
  const again = await createPerson(stage.redis, stage.me.id);
  expect((await sessionsOf(stage, again)).length).toBeLessThanOrEqual(50);
});

// Login

test('pictures of the login on other sites take nobody’s login away', async () => {
  const stage = await setUp({ LOGINS_PER_MINUTE: '' });
  const picture = { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Site': 'cross-site' };
  for (let i = 0; i < 30; i++) {
    const answer = await send(stage, '/login', { headers: picture });
    expect([answer.status, answer.headers['set-cookie']]).toEqual([400, undefined]);
  }
  for (const headers of [{ 'Sec-Fetch-Mode': 'navigate' }, undefined]) {
    expect((await send(stage, '/login', headers && { headers })).status).toBe(302);
  }
});

test('a state that a neighbour has put into the browser logs nobody in', async () => {
  const site = 'https://memo.example';
  const naver = await startNaverStandIn({
    callbackUrls: [`${site}/oauth2`],
    clientId: 'id',
    clientSecret: 'secret',
  });
  onTestFinished(() => naver.close());
  const stage = await setUp({
    PUBLIC_URL: site,
    NAVER_AUTH_URL: naver.url,
    NAVER_API_URL: naver.url,
  });
  /** Agrees at Naver's, whose redirect brings a code and this state. @returns the path of both */
  const agree = async (state: string) => {
    const redirect_uri = `${site}/oauth2`;
    const body = new URLSearchParams({
      client_id: 'id',
      redirect_uri,
      state,
      name: '나쁜 이웃',
      decision: 'agree',
    });
    const answer = await fetch(`${naver.url}/oauth2.0/consent`, {
      method: 'POST',
      body,
      redirect: 'manual',
    });
    return answer.headers.get('location')!.slice(site.length);
  };
  const come = (path: string, Cookie: string) => send(stage, path, { headers: { Cookie } });

  const invented = 'x'.repeat(43);
  const refused = await come(await agree(invented), `state-xxxxxxxx=${invented}`);
  expect(refused.status).toBe(400);
  expect(refused.headers['set-cookie']?.join() ?? '').not.toMatch(/userId=[^;]/);

  const login = await send(stage, '/login');
  const [cookie = ''] = login.headers['set-cookie'] ?? [];
  // What begins with this is refused by browsers from whoever is not this host, on TLS.
  expect(cookie).toMatch(/^__Host-state-[\w-]{8}=[\w-]{43}; /);
  expect(cookie.split('; ')).toEqual(expect.arrayContaining(['Path=/', 'Secure', 'HttpOnly']));
  expect(cookie).not.toMatch(/Domain/i);
  const state = new URL(login.headers.location!).searchParams.get('state')!;
  const welcome = await come(await agree(state), cookie.split(';', 1)[0]!);
  expect(welcome.status).toBe(302);
  expect(welcome.headers['set-cookie']?.join()).toMatch(/userId=[\w-]{43}/);
});

// The log

test('of a long path the log keeps the beginning', async () => {
  const { stage, answers } = await withstand(attack.longPaths);
  expect(statuses(answers)).toEqual([404]);
  const logged = () => stage.server.lines.map((it) => JSON.parse(it)).filter(isLong);
  const isLong = ({ path }: { path?: string }) => path?.includes('/x/x/x');
  await expect.poll(() => logged().length).toBe(100);
  for (const { path } of logged()) expect(path).toMatch(/^\/\d+[/x]+…?$/);
  for (const { path } of logged()) expect(path.length).toBeLessThanOrEqual(201);
});
