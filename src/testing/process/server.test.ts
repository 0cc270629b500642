import { once } from 'node:events';
import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import * as http from 'node:http';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startNaverStandIn } from '../../../scripts/naver.ts';
import { findFreePort, type PrivateRedis, startRedis } from '../../../scripts/redis.ts';
import { randomToken } from '../../store/sessions.ts';
import { type Server, spawnServer, startServer } from '../server.ts';
import { createPerson, logInWithNaver } from '../stage.ts';

const HTML = { Accept: 'text/html' };
const JSON_ONLY = { Accept: 'application/json' };

// Each server that is started wants to hear when this process exits.
process.setMaxListeners(50);

const endings: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of endings.reverse()) await end();
});

/** A Redis that a test may stop, fill and freeze. */
async function startFileRedis(options: { port?: number; password?: string } = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'memo-server-'));
  const redis = await startRedis({ dir, ...options });
  endings.push(async () => {
    await redis.kill();
    await rm(dir, { recursive: true, force: true });
  });
  return redis;
}

/** A server until the end of the file. */
async function startFileServer(env: Record<string, string>): Promise<Server> {
  const server = await startServer(env);
  endings.push(() => server.stop('SIGKILL'));
  return server;
}

/** A connection of the tests' own; it comes back by itself, too. */
function connect(url: string): Redis {
  const redis = new Redis(url, { retryStrategy: () => 50 });
  redis.on('error', () => {}); // its Redis is stopped on purpose
  endings.push(() => redis.disconnect());
  return redis;
}

const fetchFrom = (server: Server, path: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, { redirect: 'manual', ...init });

const statusOf = async (server: Server, path: string) => (await fetchFrom(server, path)).status;

/** Somebody who is logged in at a server, with what they do there. */
async function createClient(server: Server, redis: Redis, id = randomToken()) {
  const { cookie, stored } = await createPerson(redis, id);
  const send = (method: string, path: string, body?: object) =>
    fetchFrom(server, path, {
      method,
      headers: {
        ...JSON_ONLY,
        Cookie: cookie,
        ...(body && { 'Content-Type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  return {
    id,
    cookie,
    send,
    readPage: (path = '/') => fetchFrom(server, path, { headers: { ...HTML, Cookie: cookie } }),
    list: () => fetchFrom(server, '/memo', { headers: { ...JSON_ONLY, Cookie: cookie } }),
    write: (text: string) => send('POST', '/memo', { text }),
    writeForm: (text: string, key = 'the-key') =>
      fetchFrom(server, '/memo', {
        method: 'POST',
        headers: { ...HTML, Cookie: cookie },
        body: new URLSearchParams({ text, key }),
      }),
    stored,
    /** all that there is of their memos */
    everything: () =>
      Promise.all([
        redis.lrange(`user:${id}:memos`, 0, -1),
        redis.lrange(`user:${id}:trash`, 0, -1),
        redis.smembers(`user:${id}:pins`),
      ]),
  };
}

type Person = Awaited<ReturnType<typeof createClient>>;

/** Everything that needs Redis answers 503 within 3 seconds, in the form of whoever asks. */
async function expectUnavailable(server: Server, person: Person) {
  const timed = async (asking: Promise<Response>) => {
    const start = performance.now();
    const answer = await asking;
    const body = await answer.text();
    expect(performance.now() - start).toBeLessThan(3000);
    return { status: answer.status, headers: answer.headers, body };
  };
  const [page, list, write, form, ready, alive] = await Promise.all([
    timed(person.readPage()),
    timed(person.list()),
    timed(person.write('지금은 안 되는 메모')),
    timed(person.writeForm('지금 쓰던 글')),
    timed(fetchFrom(server, '/readyz')),
    timed(fetchFrom(server, '/healthz')),
  ]);

  expect(page.status).toBe(503);
  expect(page.headers.get('Content-Type')).toMatch(/^text\/html/);
  expect(page.body).toContain('지금은 저장소에 연결할 수 없습니다');
  expect(page.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);

  for (const answer of [list, write]) {
    expect(answer.status).toBe(503);
    expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
    expect(JSON.parse(answer.body)).toMatchObject({ status: 503, code: 'storage-down' });
    expect(answer.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
  }

  expectKept(form, 503);
  expect(ready.status).toBe(503);
  expect(alive.status).toBe(200);
}

/** A form that failed comes back with the text, to be sent once more as the same memo. */
function expectKept({ status, body }: { status: number; body: string }, expected: number) {
  expect(status).toBe(expected);
  expect(body).toContain('지금 쓰던 글</textarea>');
  expect(body).toContain('<input type="hidden" name="key" value="the-key"/>');
}

const textOf = async (answer: Response) => ({ status: answer.status, body: await answer.text() });

/** Asks until the answer is this one, for 10 seconds at most. */
async function until<T>(expected: T, probe: () => T | Promise<T>) {
  const end = Date.now() + 10_000;
  let answer = await probe();
  while (answer !== expected && Date.now() < end) {
    await delay(30);
    answer = await probe();
  }
  expect(answer).toBe(expected);
}

/** Within seconds the server is ready, by itself. */
const expectReady = (server: Server) => until(200, () => statusOf(server, '/readyz'));

/** Memos can be read and written again. */
async function expectWorking(server: Server, person: Person) {
  await expectReady(server);
  const text = `다시 ${randomToken()}`;
  expect((await person.write(text)).status).toBe(201);
  expect(await (await person.readPage()).text()).toContain(text);
  expect((await person.stored()).at(-1)).toBe(text);
}

describe('a wrong configuration ends the start with one line that names the variable', () => {
  async function expectComplaint(env: Record<string, string>, name: string, what: string) {
    const server = await spawnServer(env);
    const [code] = await once(server.child, 'close');
    expect(code).toBe(1);
    expect(server.stderr).toMatch(new RegExp(`^memo: ${name} is ${what}: expected [^\n]+\n$`));
    expect(server.stderr).not.toContain('hunter2');
    expect(server.lines).toEqual([]);
  }

  // Every variable, wrong and missing: config.test.ts.
  test('when it is wrong', () =>
    expectComplaint({ NAVER_CLIENT_SECRET: 'hunter2\nhunter2' }, 'NAVER_CLIENT_SECRET', 'wrong'));

  test('when it is missing in production', () =>
    expectComplaint({ NODE_ENV: 'production' }, 'PUBLIC_URL', 'missing'));
});

test('a port that is in use ends the start with one line', async () => {
  const first = await startServer();
  const second = await spawnServer({ PORT: String(first.port) });
  const [code] = await once(second.child, 'close');
  expect(code).toBe(1);
  expect(second.stderr).toMatch(new RegExp(`^memo: [^\n]*\\b${first.port}\\b[^\n]*\n$`));
  expect(second.lines.join()).not.toContain('listening');
  expect(await statusOf(first, '/healthz')).toBe(200);
});

describe('the log', () => {
  test('does not stop the server when nobody reads it any more', async () => {
    const server = await startServer();
    server.child.stdout!.pause();
    // More than a pipe and its reader hold: half a megabyte of lines.
    for (let i = 0; i < 20; i++) {
      const burst = Array.from({ length: 100 }, () => statusOf(server, `/${'x'.repeat(200)}`));
      expect(new Set(await Promise.all(burst))).toEqual(new Set([404]));
    }
    expect(await server.stop()).toBe(0);
  });

  test('is nothing to fail for when its reader is gone', async () => {
    const server = await startServer();
    server.child.stdout!.destroy();
    expect(await statusOf(server, '/healthz')).toBe(200);
    expect(await server.stop()).toBe(0);
    expect(server.stderr).toBe('');
  });

  test('is written to its last line when the server ends', async () => {
    const server = await startServer();
    const burst = Array.from({ length: 200 }, () => statusOf(server, `/${'x'.repeat(2000)}`));
    expect(new Set(await Promise.all(burst))).toEqual(new Set([404]));
    expect(await server.stop()).toBe(0);
    await until(200, () => server.lines.filter((line) => line.includes('"msg":"request"')).length);
    await until(true, () => server.lines.at(-1)!.includes('"msg":"stopped"'));
  });

  test('has one line of JSON for each request, with the path and without the query', async () => {
    const server = await startServer();
    await fetchFrom(server, '/?secret=1');
    await fetchFrom(server, '/memo?limit=5');
    await fetchFrom(server, '/nowhere', { method: 'POST' });
    await fetchFrom(server, '/healthz'); // asked all day long: not logged
    await fetchFrom(server, '/readyz');
    await fetchFrom(server, '/assets/app.js');
    const requests = () => server.lines.filter((line) => line.includes('"msg":"request"'));
    await until(4, () => requests().length);
    const parsed = requests().map((line) => JSON.parse(line));
    expect(parsed.map(({ method, path, status }) => [method, path, status])).toEqual([
      ['GET', '/', 200],
      ['GET', '/memo', 302],
      ['POST', '/nowhere', 404],
      ['GET', '/assets/app.js', 404],
    ]);
    for (const { id, ms, time } of parsed) {
      expect(id).toMatch(/^[\w-]{8,}$/);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(new Date(time).getTime()).toBeGreaterThan(Date.now() - 60_000);
    }
    expect(new Set(parsed.map(({ id }) => id)).size).toBe(4);
    for (const line of server.lines) expect(JSON.parse(line)).toBeTypeOf('object');
    expect(server.stderr).toBe('');
  });

  test('has no secret and nothing of what people write, whatever happens', async () => {
    const redis = await startFileRedis();
    const admin = connect(redis.url);
    const port = await findFreePort();
    const naver = await startNaverStandIn({
      callbackUrls: [`http://localhost:${port}/oauth2`],
      clientId: 'id',
      clientSecret: 'client-secret-of-ours',
    });
    endings.push(() => naver.close());
    const server = await startServer({
      PORT: String(port),
      REDIS_URL: redis.url,
      NAVER_CLIENT_SECRET: naver.clientSecret,
      NAVER_AUTH_URL: naver.url,
      NAVER_API_URL: naver.url,
      LOG_LEVEL: 'trace',
    });

    const logInHere = () =>
      logInWithNaver(`http://127.0.0.1:${server.port}/login`, naver.url, '김비밀이름');
    const { state, code, status, token } = await logInHere();
    expect(status).toBe(302);
    const cookie = `userId=${token}`;
    const [user] = (await admin.keys('user:*')).filter((key) => !/:sessions$/.test(key));

    const post = (headers: Record<string, string>, body: string) =>
      fetchFrom(server, '/memo', { method: 'POST', headers: { Cookie: cookie, ...headers }, body });
    const json = { 'Content-Type': 'application/json' };
    const form = { 'Content-Type': 'application/x-www-form-urlencoded', ...HTML };
    const text = '아무도모를내용';
    expect((await post(json, JSON.stringify({ text }))).status).toBe(201);
    expect((await post(form, `text=${encodeURIComponent(text)}`)).status).toBe(303);
    expect((await post(json, `{"text":"${text}`)).status).toBe(400);
    expect((await fetchFrom(server, `/?q=${text}`, { headers: { Cookie: cookie } })).status).toBe(
      200,
    );
    // Paths that are refused, in forms where the query is easily taken for a part of the path.
    for (const target of [`//?code=${code}`, `http://x/oauth2?code=${code}&state=${state}`]) {
      expect(await sendRaw(server.port, `GET ${target} HTTP/1.1\r\nHost: x\r\n`)).toMatch(/ 400 /);
    }

    naver.misbehave('profile', 'malformed');
    const failed = await logInHere();
    expect(failed.status).toBe(503);
    naver.misbehave('profile', 'ok');

    // Something that nobody foresaw, with the text at hand.
    const memos = await admin.lrange(`${user}:memos`, 0, -1);
    expect(memos).toHaveLength(2);
    await admin.set(`${user}:memos`, 'not a list');
    expect((await post(json, JSON.stringify({ text }))).status).toBe(500);
    await redis.stop();
    expect((await post(form, `text=${encodeURIComponent(text)}`)).status).toBe(503);
    expect(await server.stop()).toBe(0);

    const output = server.lines.join('\n') + server.stderr;
    expect(output).toContain('"path":"/oauth2"');
    expect(output).toContain('request failed');
    expect(output).toContain('Redis cannot be used');
    for (const secret of [
      code,
      state,
      failed.code,
      failed.state,
      'AAAA', // how an access token begins
      token,
      naver.clientSecret,
      redis.password,
      text,
      encodeURIComponent(text),
      '김비밀이름',
    ]) {
      expect(output).not.toContain(secret);
    }
    expect(server.stderr).toBe('');
  });
});

describe('requests that no browser makes', () => {
  let server: Server;
  let person: Person;

  beforeAll(async () => {
    server = await startFileServer({});
    person = await createClient(server, connect(inject('redisUrl')));
    await person.write('보이면 안 되는 메모');
  });

  test.each([
    '/../x',
    '/..',
    '/.',
    '/./memo',
    '//',
    '//evil.example/',
    '///memo',
    '/memo//',
    '/memo/%2e%2e/healthz',
    '/memo/..',
    '/memo/../memo',
    '/%6demo',
    '/memo%2f',
    '/memo%00',
    '/memo;a=b',
    '/\\memo',
    '/memo\\..\\',
    '/%',
    '/메모',
    '/memo#m1',
    'http://localhost:8000/',
    'http://localhost:8000/memo',
    'http://evil.example/memo',
    'https://localhost/memo',
    'file:///etc/passwd',
    'memo',
    '*',
    '?limit=1',
    '/me\tmo',
    '/memo HTTP/1.1 /x',
  ])('%j is refused', async (target) => {
    for (const accept of ['text/html', 'application/json']) {
      const answer = await sendRaw(
        server.port,
        `GET ${target} HTTP/1.1\r\nHost: localhost:8000\r\nCookie: ${person.cookie}\r\nAccept: ${accept}\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(answer).not.toContain('보이면 안 되는 메모');
      expect(answer).not.toContain('class="name"');
    }
  });

  test.each([
    ['no HTTP at all', 'hello\r\n'],
    ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n'],
    ['another protocol', 'GET / SMTP/1.1\r\nHost: x\r\n'],
    ['a version of the future', 'GET / HTTP/9.9\r\nHost: x\r\n'],
    ['an unknown method', 'STEAL / HTTP/1.1\r\nHost: x\r\n'],
    ['a method of ours in lower case', 'get / HTTP/1.1\r\nHost: x\r\n'],
    ['no host', 'GET / HTTP/1.1\r\n'],
    ['a host with blanks', 'GET / HTTP/1.1\r\nHost: a b\r\n'],
    ['a host with a path', 'GET / HTTP/1.1\r\nHost: x/memo?\r\n'],
    ['a header without a name', 'GET / HTTP/1.1\r\nHost: x\r\n: y\r\n'],
    ['a NUL in a header', 'GET / HTTP/1.1\r\nHost: x\r\nAccept: \0\r\n'],
    ['two lengths', 'POST /memo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n'],
    [
      'a length and chunks',
      'POST /memo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n',
    ],
    ['a negative length', 'POST /memo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n'],
  ])('%s is refused', async (_, request) => {
    expect(await sendRaw(server.port, request)).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(await statusOf(server, '/healthz')).toBe(200);
  });

  test('100,000 bytes of headers are refused as that', async () => {
    const header = `X-Long: ${'x'.repeat(100_000)}\r\n`;
    expect(await sendRaw(server.port, `GET / HTTP/1.1\r\nHost: x\r\n${header}`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    expect(await statusOf(server, '/healthz')).toBe(200);
  });

  test('a body of 1 MiB is refused as that, and nothing is stored', async () => {
    const stored = await person.stored();
    const body = JSON.stringify({ text: 'x'.repeat(1024 * 1024) });
    const post = { method: 'POST', path: '/memo' };
    // Whoever is not logged in may hear that first.
    for (const [Cookie, expected] of [
      [person.cookie, [413]],
      ['userId=nobody', [401, 413]],
    ] as const) {
      for (const length of [
        { 'Content-Length': String(body.length) },
        { 'Transfer-Encoding': 'chunked' },
      ]) {
        const headers = { ...JSON_ONLY, 'Content-Type': 'application/json', Cookie, ...length };
        // As a balancer does: whatever comes next takes the same connection, if it is still open.
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const answer = await send(server.port, { ...post, headers, agent }, body);
        expect(expected).toContain(answer.status);
        expect(JSON.parse(answer.body)).toMatchObject({ status: answer.status });
        const next = await send(server.port, { path: '/healthz', agent });
        expect(next.status).toBe(200);
        agent.destroy();
      }
    }
    expect(await person.stored()).toEqual(stored);
    expect((await person.write('맞는 메모')).status).toBe(201);
    expect(server.child.exitCode).toBeNull();
  });
});

test('a Redis that may delete memos is served, with an error in the log and a warning at /readyz', async () => {
  const redis = await startFileRedis();
  const admin = connect(redis.url);
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const server = await startServer({ REDIS_URL: redis.url });
  const { level, msg } = JSON.parse(await server.line(/may delete memos/));
  expect(level).toBe(50);
  const ready = () => fetchFrom(server, '/readyz').then(textOf);
  expect(await ready()).toEqual({ status: 200, body: `ready\nwarning: ${msg}\n` });

  // The operator does as it says, and the next connection finds it done.
  await admin.config('SET', 'maxmemory-policy', 'noeviction');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until('ready\n', async () => (await ready()).body);
  expect(server.lines.filter((line) => line.includes('may delete memos'))).toHaveLength(1);
});

/** A request by Node's own client, which leaves the connection to the caller. */
async function send(port: number, options: http.RequestOptions, body?: string) {
  const request = http.request({ host: '127.0.0.1', port, ...options });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  answer.setEncoding('utf8');
  let text = '';
  for await (const chunk of answer) text += chunk;
  return { status: answer.statusCode, body: text };
}

/** Sends bytes as they are, and resolves with all that comes back until the server hangs up. */
async function sendRaw(port: number, head: string): Promise<string> {
  const socket = connectSocket(port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  let answer = '';
  socket.setEncoding('utf8');
  socket.on('data', (data) => {
    answer += data;
  });
  // A server that refuses may hang up while we are still sending.
  socket.on('error', () => {});
  const bytes = Buffer.from(`${head}Connection: close\r\n\r\n`);
  // Piece by piece: what arrives after the end would make the system drop the answer as well.
  for (let i = 0; i < bytes.length && answer === '' && !socket.destroyed; i += 8192) {
    socket.write(bytes.subarray(i, i + 8192));
    if (bytes.length > 8192) await delay(10);
  }
  await closed;
  return answer;
}

const SCENES = [
  'restart',
  'crash',
  'readOnly',
  'readOnlyTouch',
  'full',
  'misconfigured',
  'frozen',
  'terminated',
  'interrupted',
] as const;

describe.concurrent('with a Redis of its own, the server', () => {
  interface Stage {
    redis: PrivateRedis;
    admin: Redis;
    server: Server;
    person: Person;
  }

  /** A server, its Redis, and somebody with one memo. */
  async function prepare(): Promise<Stage> {
    const redis = await startFileRedis();
    const server = await startFileServer({ REDIS_URL: redis.url });
    const admin = connect(redis.url);
    const person = await createClient(server, admin);
    expect((await person.write('늘 있던 메모')).status).toBe(201);
    return { redis, admin, server, person };
  }

  // All of them now: the tests below run at the same time, and a server ends with the test that
  // started it.
  const stages = new Map<(typeof SCENES)[number], Stage>();
  let early: { server: Server; port: number; password: string };
  let locked: { redis: PrivateRedis; server: Server };

  beforeAll(async () => {
    const prepareEarly = async () => {
      const [port, password] = [await findFreePort(), randomToken()];
      const server = await startFileServer({ REDIS_URL: `redis://:${password}@127.0.0.1:${port}` });
      early = { server, port, password };
    };
    const prepareLocked = async () => {
      const redis = await startFileRedis();
      const url = `redis://:wrong-password@127.0.0.1:${redis.port}`;
      const server = await startFileServer({ REDIS_URL: url });
      locked = { redis, server };
    };
    // A few at a time: a machine that is busy with starting is too slow for what is started.
    for (let i = 0; i < SCENES.length; i += 3) {
      const some = SCENES.slice(i, i + 3);
      await Promise.all(some.map(async (scene) => stages.set(scene, await prepare())));
    }
    // Last: the shorter nobody listens on that port, the less may somebody else come to.
    await Promise.all([prepareEarly(), prepareLocked()]);
  });

  test('starts without Redis, says so, and works as soon as there is one', async () => {
    const { server, port, password } = early;
    const line = await server.line(/Redis cannot be used/);
    expect(JSON.parse(line)).toMatchObject({ redis: `127.0.0.1:${port}`, reason: 'ECONNREFUSED' });

    const nobody = await fetchFrom(server, '/', { headers: HTML });
    expect(nobody.status).toBe(200); // the invitation needs no Redis
    const somebody = { headers: { Cookie: `userId=${randomToken()}` } };
    const page = await fetchFrom(server, '/', { headers: { ...HTML, ...somebody.headers } });
    expect(page.status).toBe(503);
    expect(await page.text()).toContain('지금은 저장소에 연결할 수 없습니다');
    expect(page.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
    const memos = await fetchFrom(server, '/memo', {
      headers: { ...JSON_ONLY, ...somebody.headers },
    });
    expect(memos.status).toBe(503);
    expect(memos.headers.get('Content-Type')).toBe('application/problem+json');
    expect(memos.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
    expect(await memos.json()).toMatchObject({ status: 503, code: 'storage-down' });
    expect(await statusOf(server, '/readyz')).toBe(503);
    expect(await statusOf(server, '/healthz')).toBe(200);
    // One line for the whole time, not one for each attempt.
    expect(server.lines.filter((it) => it.includes('cannot be used'))).toEqual([line]);

    const redis = await startFileRedis({ port, password });
    await expectReady(server);
    await server.line(/Redis is connected/);
    await expectWorking(server, await createClient(server, connect(redis.url)));
  });

  test('says that the password is wrong, and not which', async () => {
    const { server, redis } = locked;
    const line = JSON.parse(await server.line(/Redis cannot be used/));
    expect(line.reason).toMatch(/WRONGPASS|password/i);
    expect(server.lines.join()).not.toContain('wrong-password');
    const person = await createClient(server, connect(redis.url));
    await expectUnavailable(server, person);

    // The operator changes it to the one that the server has.
    const admin = connect(redis.url);
    await admin.config('SET', 'requirepass', 'wrong-password');
    await expectReady(server);
    expect((await person.write('이제 되는 메모')).status).toBe(201);
  });

  test('outlives a restart of Redis, and has all memos afterwards', async () => {
    const { server, redis, person } = stages.get('restart')!;
    await redis.stop();
    await server.line(/Redis cannot be used/);
    await expectUnavailable(server, person);

    const { dir, port, password } = redis;
    const again = await startRedis({ dir, port, password });
    endings.push(() => again.kill());
    await expectWorking(server, person);
    expect(await (await person.readPage()).text()).toContain('늘 있던 메모');
    // What was answered with 503 while nothing was there is not written later behind our back.
    expect((await person.stored()).slice(0, -1)).toEqual(['늘 있던 메모']);
    expect(server.lines.filter((it) => it.includes('Redis is connected'))).toHaveLength(2);
  });

  test('has every memo that it acknowledged before Redis was killed', async () => {
    const { server, redis, person } = stages.get('crash')!;
    const statuses: [text: string, status: number][] = [];
    let next = 0;
    // As many at once as one person may have under way.
    const writers = Array.from({ length: 8 }, async () => {
      for (let i = next++; i < 40; i = next++) {
        const { status } = await person.write(`메모 ${i}`);
        statuses.push([`메모 ${i}`, status]);
        if (i === 10) await redis.kill();
      }
    });
    await Promise.all(writers);
    const acknowledged = statuses.filter(([, status]) => status === 201);
    expect(acknowledged.length).toBeGreaterThan(0);
    for (const [, status] of statuses) expect([201, 503]).toContain(status);

    const { dir, port, password } = redis;
    const again = await startRedis({ dir, port, password });
    endings.push(() => again.kill());
    await expectReady(server);
    const stored = await person.stored();
    expect(stored).toEqual(expect.arrayContaining(acknowledged.map(([text]) => text)));
    expect(new Set(stored).size).toBe(stored.length);
  });

  test('shows memos while Redis is a read-only replica, and keeps what cannot be saved', async () => {
    const { server, admin, person } = stages.get('readOnly')!;
    await admin.call('REPLICAOF', '127.0.0.1', String(await findFreePort()));

    const page = await textOf(await person.readPage());
    expect(page.status).toBe(200);
    expect(page.body).toContain('늘 있던 메모');

    expectKept(await textOf(await person.writeForm('지금 쓰던 글')), 503);
    const write = await person.write('지금 쓰던 글');
    expect(write.status).toBe(503);
    expect(write.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
    expect(await statusOf(server, '/readyz')).toBe(503);

    await admin.call('REPLICAOF', 'NO', 'ONE');
    await expectWorking(server, person);
    expect((await person.stored())[0]).toBe('늘 있던 메모');
    expect(await person.stored()).not.toContain('지금 쓰던 글');
  });

  test('goes on reading beside refused writes and sessions that cannot be prolonged', async () => {
    const { admin, person, server } = stages.get('readOnlyTouch')!;
    const other = await createClient(server, admin, person.id);
    // Two hours ago it was used last, so the next use would put its end off.
    const sessions = await admin.keys('session:*');
    expect(sessions).toHaveLength(2);
    for (const key of sessions) {
      const session = JSON.parse((await admin.get(key))!);
      const earlier = { ...session, used: session.used - 2 * 3_600_000 };
      await admin.set(key, JSON.stringify(earlier), 'KEEPTTL');
    }
    await admin.call('REPLICAOF', '127.0.0.1', String(await findFreePort()));

    // Looking for a new primary may cost a moment, not more.
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    const later: number[] = [];
    while (later.length <= 10 || seconds() < 2) {
      const settled = seconds() > 0.7;
      const [write, page, list] = await Promise.all([
        other.write('지금은 안 되는 메모'),
        person.readPage(),
        person.list(),
      ]);
      expect(write.status).toBe(503);
      if (settled) later.push(page.status, list.status);
      await delay(20);
    }
    expect(later).toEqual(later.map(() => 200));

    await admin.call('REPLICAOF', 'NO', 'ONE');
    await expectWorking(server, person);
  });

  test('shows memos while the memory of Redis is full, and says that it is', async () => {
    const { server, admin, person } = stages.get('full')!;
    const { id: removed } = await (await person.write('버린 메모')).json();
    await person.send('PATCH', `/memo/${removed}`, { pin: true });
    await person.send('DELETE', `/memo/${removed}`);
    const { id } = await (await person.write('나중 메모')).json();
    const before = await person.everything();
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'maxmemory', '1mb');

    for (const [method, path, body] of [
      ['PATCH', `/memo/${id}`, { text: '고친 메모' }],
      ['PATCH', `/memo/${id}`, { pin: true }],
      ['DELETE', `/memo/${id}`],
      ['POST', `/memo/${removed}/restore`],
    ] as const) {
      const { status } = await person.send(method, path, body);
      expect([method, path, body, status]).toEqual([method, path, body, 507]);
    }
    const write = await person.write('지금은 안 되는 메모');
    expect(write.status).toBe(507);
    expect(await write.json()).toMatchObject({ status: 507, code: 'storage-full' });
    const form = await textOf(await person.writeForm('지금 쓰던 글'));
    expectKept(form, 507);
    expect(form.body).toContain('저장 공간이 가득 찼습니다');

    expect(await (await person.readPage()).text()).toContain('늘 있던 메모');
    expect((await person.list()).status).toBe(200);
    expect(await statusOf(server, '/readyz')).toBe(503);
    // Nothing was done by half.
    expect(await person.everything()).toEqual(before);

    await admin.config('SET', 'maxmemory', '0');
    await expectWorking(server, person);
    expect((await person.send('POST', `/memo/${removed}/restore`)).status).toBe(200);
    expect((await person.stored()).slice(0, 3)).toEqual(['늘 있던 메모', '버린 메모', '나중 메모']);
  });

  test('shows memos while Redis cannot save to its disk, and keeps what cannot be saved', async () => {
    const { server, admin, redis, person } = stages.get('misconfigured')!;
    // A folder in the snapshot's place: no snapshot can be written.
    const obstacle = join(redis.dir, 'dump.rdb');
    await mkdir(obstacle);
    await admin.config('SET', 'save', '3600 1000000');
    await admin.bgsave();
    const saved = async () => /rdb_last_bgsave_status:(\w+)/.exec(await admin.info())?.[1];
    await until('err', saved);

    const write = await person.write('지금은 안 되는 메모');
    expect(write.status).toBe(503);
    expect(await write.json()).toMatchObject({ code: 'storage-down' });
    expectKept(await textOf(await person.writeForm('지금 쓰던 글')), 503);
    expect(await (await person.readPage()).text()).toContain('늘 있던 메모');
    expect(await statusOf(server, '/readyz')).toBe(503);
    expect(await person.stored()).toEqual(['늘 있던 메모']);

    await rmdir(obstacle);
    await admin.bgsave();
    await until('ok', saved);
    await expectWorking(server, person);
    expect((await person.stored())[0]).toBe('늘 있던 메모');
  });

  test('answers every request while Redis is frozen, and works when it thaws', async () => {
    const { server, redis, person } = stages.get('frozen')!;
    process.kill(redis.pid, 'SIGSTOP');
    try {
      // Before the connection is given up, while it is, and while a new one gets no answer.
      for (const end = Date.now() + 6000; Date.now() < end; ) {
        await expectUnavailable(server, person);
        await delay(300);
      }
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    await expectWorking(server, person);
    expect((await person.stored())[0]).toBe('늘 있던 메모');
  });

  test('sends the answers that it has begun to their ends, however slowly they are read', async () => {
    const server = await startServer({ SHUTDOWN_DELAY: '0' });
    const redis = connect(inject('redisUrl'));
    const { cookie, id } = await createClient(server, redis);
    const memo = (_: unknown, i: number) => `{"id":${i + 1},"text":"${'x'.repeat(20_000)}"}`;
    await redis.rpush(`user:${id}:memos`, ...Array.from({ length: 1000 }, memo));
    const request = http.get({ port: server.port, path: '/memo', headers: { Cookie: cookie } });
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    answer.pause();
    server.child.kill('SIGTERM');
    await until(false, async () =>
      fetchFrom(server, '/healthz').then(
        () => true,
        () => false,
      ),
    );
    let length = 0;
    answer.on('data', (data) => {
      length += data.length;
    });
    answer.resume();
    await once(answer, 'end');
    expect(answer.complete).toBe(true);
    expect(length).toBeGreaterThan(20_000_000);
    expect(await server.exited).toBe(0);
  });

  test('goes on for 5 seconds after SIGTERM, finishes what it began, and ends with 0', async () => {
    const { server, person } = stages.get('terminated')!;
    // A memo on its way: half of it is there when the listener closes.
    const body = JSON.stringify({ text: '끝까지 쓴 메모' });
    const writing = http.request({
      port: server.port,
      host: '127.0.0.1',
      path: '/memo',
      method: 'POST',
      headers: {
        ...JSON_ONLY,
        Cookie: person.cookie,
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      },
    });
    writing.write(body.slice(0, 10));
    const written = once(writing, 'response');
    expect((await fetchFrom(server, '/')).headers.get('Connection')).not.toBe('close');

    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    server.child.kill('SIGTERM');
    await server.line(/"stopping"/);
    expect(await statusOf(server, '/readyz')).toBe(503);
    expect(await statusOf(server, '/healthz')).toBe(200);

    let served = 0;
    for (;;) {
      const answer = await person.readPage().catch(() => undefined);
      if (!answer) break;
      expect(answer.status).toBe(200);
      expect(answer.headers.get('Connection')).toBe('close');
      served = seconds();
      await delay(50);
    }
    expect(served).toBeGreaterThan(4.5);

    writing.end(body.slice(10));
    const [answer] = (await written) as [http.IncomingMessage];
    expect(answer.statusCode).toBe(201);
    answer.resume();
    expect(await server.exited).toBe(0);
    expect(seconds()).toBeLessThan(15);
    expect(await person.stored()).toContain('끝까지 쓴 메모');
    await until(true, () => /"stopped"/.test(server.lines.at(-1) ?? ''));
    expect(server.stderr).toBe('');
  });

  test('ends at once with 0 after SIGINT, also with a browser connected', async () => {
    const { server, person } = stages.get('interrupted')!;
    const agent = new http.Agent({ keepAlive: true });
    const request = http.get({ port: server.port, host: '127.0.0.1', agent });
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    answer.resume();
    await once(answer, 'end');
    await (await person.readPage()).text();

    const start = performance.now();
    expect(await server.stop('SIGINT')).toBe(0);
    expect(performance.now() - start).toBeLessThan(3000);
    agent.destroy();
    expect(server.stderr).toBe('');
  });
});
