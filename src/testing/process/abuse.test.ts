/** Whoever sends too much, too slowly or too often gets little for it, and is in nobody's way. */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { type Server, startServer } from '../server.ts';
import { ask, comeIn, connectTo, navigate, type Person, startOwnRedis } from '../stage.ts';

const [IDLE, STREAMS, LONG_MEMOS] = inject('thorough') ? [4_000, 10_000, 12] : [2_000, 1_000, 4];

/** What a busy machine may take longer, in ms. */
const SLACK = 15_000;

/** A server with a Redis of its own: whatever is in it, the test has caused. */
async function prepare(env: Record<string, string> = {}) {
  const { url } = await startOwnRedis();
  const redis = connectTo(url);
  const server = await startServer({ REDIS_URL: url, ...env });
  return { redis, server, url };
}

/** A connection that ends with the test, and what came back on it. */
interface Line {
  socket: Socket;
  said: string;
  ended: boolean;
}

function openLine(port: number): Line {
  const line: Line = { socket: connect(port, '127.0.0.1'), said: '', ended: false };
  line.socket.setEncoding('latin1');
  line.socket.on('data', (data) => {
    line.said += data;
  });
  line.socket.on('error', () => {}); // whoever is refused may be hung up on while sending
  line.socket.on('close', () => {
    line.ended = true;
  });
  return line;
}

/** Many connections, a few hundred at a time: more than that the system does not queue. */
async function openLines(port: number, count: number): Promise<Line[]> {
  const lines: Line[] = [];
  onTestFinished(() => {
    for (const { socket } of lines) socket.destroy();
  });
  while (lines.length < count) {
    const some = Array.from({ length: 200 }, () => openLine(port));
    lines.push(...some);
    await Promise.all(some.map(({ socket }) => once(socket, 'connect')));
  }
  return lines;
}

/** What a server holds: memory in MiB, and open files, which sockets are. */
async function readFootprint({ child }: Server) {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  const files = await readdir(`/proc/${child.pid}/fd`);
  return { memory: Number(/VmRSS:\s*(\d+)/.exec(status)![1]) / 1024, files: files.length };
}

/** Everything that Redis holds, but when it expires. */
async function readAll(redis: Redis): Promise<Map<string, string>> {
  const keys = (await redis.keys('*')).filter((key) => key !== 'memo:ready').sort();
  const dumps = await Promise.all(keys.map((key) => redis.dump(key)));
  return new Map(keys.map((key, i) => [key, dumps[i]!]));
}

const write = (url: string, person: Person, text: string) =>
  ask(`${url}/memo`, person, { method: 'POST', body: { text } });

/** The status codes in what came back on a connection. */
const statusesOf = (said: string) =>
  Array.from(said.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => Number(status));

test('thousands of idle and 200 slow connections are in nobody’s way, and end', {
  timeout: 90_000,
}, async () => {
  const { redis, server } = await prepare();
  const me = await comeIn(redis);
  for (let i = 0; i < 20; i++) await write(server.url, me, `먼저 ${i}`);
  const before = await readFootprint(server);

  const slow = await openLines(server.port, 200);
  for (const { socket } of slow) socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX: ');
  const drip = setInterval(() => {
    for (const { socket } of slow) socket.write('x');
  }, 500);
  onTestFinished(() => clearInterval(drip));
  const silent = await openLines(server.port, IDLE / 2);
  const kept = await openLines(server.port, IDLE / 2);
  for (const { socket } of kept) socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  // Headers have to be there in 15 s; who is late is found within 5 s.
  const texts: string[] = [];
  let memory = 0;
  const end = Date.now() + 25_000 + SLACK;
  while (![...silent, ...slow].every(({ ended }) => ended)) {
    expect(Date.now()).toBeLessThan(end);
    texts.push(`다음 ${texts.length}`);
    expect((await write(server.url, me, texts.at(-1)!)).status).toBe(201);
    expect((await ask(`${server.url}/`, me, { headers: { Accept: 'text/html' } })).status).toBe(
      200,
    );
    memory = Math.max(memory, (await readFootprint(server)).memory);
    await delay(200);
  }
  expect(memory - before.memory).toBeLessThan(100);
  for (const { said } of silent) expect(statusesOf(said)).toEqual([408]);
  // Who is still sending when the server hangs up may miss its answer.
  for (const { said } of slow) expect([[408], []]).toContainEqual(statusesOf(said));
  for (const { said, ended } of kept) expect([statusesOf(said), ended]).toEqual([[200], false]);
  expect((await me.stored()).slice(20)).toEqual(texts);

  for (const { socket } of kept) socket.destroy();
  await expect
    .poll(async () => (await readFootprint(server)).files, { timeout: 5000 })
    .toBeLessThan(before.files + 10);
  expect(await server.stop()).toBe(0);
});

/** Sends a request, and resolves with what comes back until the server hangs up. */
async function send(port: number, head: string, body = '') {
  const line = openLine(port);
  onTestFinished(() => void line.socket.destroy());
  const closed = new Promise((resolve) => line.socket.once('close', resolve));
  // Piece by piece: what arrives after the end would make the system drop the answer as well.
  for (const [bytes, size] of [
    [`${head}Host: x\r\nConnection: close\r\n\r\n`, 8192],
    [body, 65_536],
  ] as const) {
    for (let i = 0; i < bytes.length && line.said === '' && !line.ended; i += size) {
      line.socket.write(bytes.slice(i, i + size));
      if (bytes.length > size) await delay(5);
    }
  }
  await closed;
  return line.said;
}

const x = (length: number) => 'x'.repeat(length);
const many = (count: number, of: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => of(i));

/** Heads and bodies of requests that are too much of something, and how they are refused. */
function makeOversized(cookie: string, id: number): [what: string, number, string, string?][] {
  const request = (line: string, headers: string, body?: string): [string, string?] => [
    `${line} HTTP/1.1\r\nCookie: ${cookie}\r\nAccept: application/json\r\n${headers}`,
    body,
  ];
  const get = (target: string, headers = '') => request(`GET ${target}`, headers);
  const post = (type: string, body: string, headers = `Content-Length: ${body.length}\r\n`) =>
    request('POST /memo', `Content-Type: application/${type}\r\n${headers}`, body);
  const postChunks = (type: string, body: string) =>
    post(
      type,
      `${body.replace(/.{1,65536}/g, (it) => `${it.length.toString(16)}\r\n${it}\r\n`)}0\r\n\r\n`,
      'Transfer-Encoding: chunked\r\n',
    );
  const FORM = 'x-www-form-urlencoded';
  const MEMO = '{"text":"memo"}';
  const huge = `{"text":"${x(5 << 20)}"}`;
  return [
    ['an address', 431, ...get(`/${x(100_000)}`)],
    ['a query', 431, ...get(`/?q=${x(100_000)}`)],
    ['a cookie', 431, ...get('/', `Cookie: a=${x(100_000)}\r\n`)],
    ['1,000 headers', 431, ...get('/', many(1000, (i) => `X-${i}: ${x(90)}\r\n`).join(''))],
    [
      'an idempotency key',
      400,
      ...post('json', MEMO, `Content-Length: ${MEMO.length}\r\nIdempotency-Key: ${x(10_000)}\r\n`),
    ],
    ['a version', 412, ...request(`DELETE /memo/${id}`, `If-Match: "${'1'.repeat(10_000)}"\r\n`)],
    ['an id', 404, ...request(`DELETE /memo/${'1'.repeat(10_000)}`, '')],
    ['arrays', 400, ...post('json', `{"text":${'['.repeat(1e5)}${']'.repeat(1e5)}}`)],
    ['objects', 400, ...post('json', `${'{"a":'.repeat(40_000)}0${'}'.repeat(40_000)}`)],
    ['members', 413, ...post('json', `{"text":"memo",${many(100_000, (i) => `"${i}":0`)}}`)],
    ['fields', 413, ...post(FORM, `text=memo&${'a=&'.repeat(100_000)}`)],
    ['names of fields', 413, ...post(FORM, many(30_000, (i) => `${i}=`).join('&'))],
    ['a body', 413, ...post('json', huge)],
    ['a body in chunks', 413, ...postChunks('json', huge)],
    ['a form', 413, ...post(FORM, `text=${huge}`)],
    ['a form in chunks', 413, ...postChunks(FORM, `text=${huge}`)],
  ];
}

test('what is too large is refused, stores nothing, and the next request is served', async () => {
  const { redis, server } = await prepare();
  const me = await comeIn(redis);
  const { id } = JSON.parse((await write(server.url, me, '늘 있던 메모')).text);
  const before = await readAll(redis);
  for (const [what, status, head, body] of makeOversized(me.cookie, id)) {
    expect([what, ...statusesOf(await send(server.port, head, body))]).toEqual([what, status]);
    expect((await ask(`${server.url}/memo`, me)).status).toBe(200);
  }
  expect(await readAll(redis)).toEqual(before);
});

test('many large bodies at once do not keep others waiting', async () => {
  const { redis, server } = await prepare();
  const other = await comeIn(redis);
  const people = await Promise.all(Array.from({ length: 10 }, () => comeIn(redis)));
  const sendings = people.flatMap(({ cookie }) =>
    makeOversized(cookie, 1)
      .filter(([, status, , body]) => body && status !== 431)
      // As many as one person may have under way.
      .slice(0, 8)
      .map(async ([what, status, head, body]) => {
        const said = await send(server.port, head, body);
        expect([what, ...statusesOf(said)]).toEqual([what, status]);
      }),
  );
  let sending = true;
  const sent = Promise.all(sendings).finally(() => {
    sending = false;
  });
  let served = 0;
  const serveOther = async () => {
    while (sending) {
      expect((await write(server.url, other, `글 ${served++}`)).status).toBe(201);
      await delay(10);
    }
  };
  await Promise.all([sent, serveOther()]);
  expect(await other.stored()).toHaveLength(served);
  for (const person of people) expect(await person.stored()).toEqual([]);
});

test('requests in a row are answered in order, then nonsense ends the connection', async () => {
  const { redis, server } = await prepare();
  const me = await comeIn(redis);
  // As many as one connection may have unanswered.
  const texts = many(8, (i) => `memo ${i}`);
  const line = openLine(server.port);
  onTestFinished(() => void line.socket.destroy());
  const requests = texts.map((text) => {
    const body = JSON.stringify({ text });
    return `POST /memo HTTP/1.1\r\nHost: x\r\nCookie: ${me.cookie}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n`;
  });
  line.socket.write(requests.join(''));
  await expect.poll(() => statusesOf(line.said)).toHaveLength(16);
  expect(statusesOf(line.said)).toEqual(texts.flatMap(() => [201, 404]));
  expect(Array.from(line.said.matchAll(/"text":"(memo \d+)"/g), ([, text]) => text)).toEqual(texts);

  line.socket.write('\0nonsense\r\n\r\n');
  await expect.poll(() => line.ended).toBe(true);
  expect(statusesOf(line.said).slice(16)).toEqual([400]);

  // Nonsense right behind requests may end the connection before they are answered.
  const rash = openLine(server.port);
  onTestFinished(() => void rash.socket.destroy());
  rash.socket.write(`${requests.join('')}\0nonsense\r\n\r\n`);
  await expect.poll(() => rash.ended).toBe(true);
  const answered = statusesOf(rash.said);
  expect(answered.at(-1)).toBe(400);
  expect(answered.slice(0, -1)).toEqual(
    texts.flatMap(() => [201, 404]).slice(0, answered.length - 1),
  );
  expect((await ask(`${server.url}/memo`, me)).status).toBe(200);
  for (const text of texts) {
    // What was asked for in order may be done all the same, once.
    expect([1, 2]).toContain((await me.stored()).filter((it) => it === text).length);
  }
  expect(server.stderr).toBe('');
});

test('of a thousand streams of one person the newest 20 are left, and hear of changes', async () => {
  const { redis, server } = await prepare();
  const [me, other] = [await comeIn(redis), await comeIn(redis)];
  const listen = async (person: Person) => {
    const line = openLine(server.port);
    line.socket.write(
      `GET /memo/events HTTP/1.1\r\nHost: x\r\nCookie: ${person.cookie}\r\nConnection: close\r\n\r\n`,
    );
    await new Promise((resolve) => {
      line.socket.once('data', resolve);
      line.socket.once('close', resolve);
    });
    return line;
  };
  const heard = ({ said }: Line) => said.split('event: changed').length - 1;
  // What a server takes for anybody's requests is not the streams'.
  const third = await comeIn(redis);
  for (let i = 0; i < 300; i++) await write(server.url, third, `글 ${i}`);
  const before = await readFootprint(server);
  const theirs = await listen(other);

  const lines: Line[] = [];
  onTestFinished(() => {
    for (const { socket } of [theirs, ...lines]) socket.destroy();
  });
  let written = 0;
  while (lines.length < STREAMS - 20) {
    lines.push(...(await Promise.all(Array.from({ length: 495 }, () => listen(me)))));
    written++;
    expect((await write(server.url, other, `글 ${lines.length}`)).status).toBe(201);
  }
  for (let i = 0; i < 20; i++) lines.push(await listen(me));
  await expect.poll(() => lines.filter(({ ended }) => !ended), { timeout: 5000 }).toHaveLength(20);
  expect(lines.slice(-20).filter(({ ended }) => ended)).toEqual([]);
  for (const { said } of lines) expect(statusesOf(said)).toEqual([200]);

  const newest = lines.slice(-20);
  expect((await write(server.url, me, '새 글')).status).toBe(201);
  await expect.poll(() => newest.map(heard)).toEqual(newest.map(() => 1));
  await expect.poll(() => heard(theirs)).toBe(written);
  const channels = [me, other].map(({ id }) => `user:${id}:changes`);
  expect(await redis.pubsub('NUMSUB', ...channels)).toEqual(channels.flatMap((it) => [it, 1]));
  const after = await readFootprint(server);
  expect(after.files).toBeLessThan(before.files + 40);
  expect(after.memory - before.memory).toBeLessThan(150);

  for (const { socket } of newest) socket.destroy();
  await expect.poll(() => redis.pubsub('NUMSUB', channels[0]!)).toEqual([channels[0], 0]);
  expect(await me.stored()).toEqual(['새 글']);
  expect(await other.stored()).toHaveLength(written);
});

test('a flood of logins from one address has its share of all processes, others theirs', async () => {
  const { redis, server, url } = await prepare({ TRUST_PROXY: '1', LOGINS_PER_MINUTE: '' });
  const second = await startServer({ REDIS_URL: url, TRUST_PROXY: '1', LOGINS_PER_MINUTE: '' });
  const logIn = (at: Server, address: string) =>
    navigate(`${at.url}/login`, { 'X-Forwarded-For': address });
  const start = performance.now();
  const flood = [];
  for (let i = 0; i < 20; i++) {
    const some = Array.from({ length: 20 }, (_, n) => logIn(n % 2 ? server : second, '192.0.2.1'));
    flood.push(...(await Promise.all(some)));
    expect((await logIn(second, `198.51.100.${i}`)).status).toBe(302);
  }
  // Half of a minute's at once, and one more every three seconds.
  const earned = Math.floor((performance.now() - start) / 3000);
  const passed = flood.filter(({ status }) => status === 302);
  const refused = flood.filter(({ status }) => status === 429);
  expect(passed.length).toBeGreaterThanOrEqual(10);
  expect(passed.length).toBeLessThanOrEqual(10 + earned);
  expect(refused).toHaveLength(400 - passed.length);
  for (const { headers } of refused) {
    expect(headers.get('Retry-After')).toMatch(/^[123]$/);
    expect(headers.get('RateLimit')).toMatch(/^"logins";r=0;t=\d+$/);
    expect(headers.get('RateLimit-Policy')).toBe('"logins";q=10;w=30');
    expect(headers.get('Set-Cookie')).toBeNull();
  }
  const addresses = ['192.0.2.1', ...many(20, (i) => `198.51.100.${i}`)];
  const keys = [...(await readAll(redis)).keys()];
  expect(keys).toContain('login:192.0.2.1:1');
  // One login is forgotten after three seconds: of the others, the first may be gone by now.
  expect(addresses.map((it) => `login:${it}:1`)).toEqual(expect.arrayContaining(keys));
});

test('a flood of writes of one person has its share of all processes, others theirs', async () => {
  const { redis, server, url } = await prepare({ WRITES_PER_MINUTE: '' });
  const second = await startServer({ REDIS_URL: url, WRITES_PER_MINUTE: '' });
  const [me, other] = [await comeIn(redis), await comeIn(redis)];
  const keys = [...(await readAll(redis)).keys()];
  const start = performance.now();
  const flood = [];
  for (let i = 0; i < 20; i++) {
    // As many as one person may have under way in each process.
    const some = Array.from({ length: 16 }, (_, n) =>
      write((n % 2 ? server : second).url, me, `${i}-${n}`),
    );
    flood.push(...(await Promise.all(some)));
    expect((await write(server.url, other, `글 ${i}`)).status).toBe(201);
    expect((await ask(`${second.url}/memo`, me)).status).toBe(200);
  }
  const earned = Math.floor((performance.now() - start) / 500);
  const passed = flood.filter(({ status }) => status === 201);
  const refused = flood.filter(({ status }) => status === 429);
  expect(passed.length).toBeGreaterThanOrEqual(60);
  expect(passed.length).toBeLessThanOrEqual(60 + earned);
  expect(refused).toHaveLength(320 - passed.length);
  for (const { headers } of refused) {
    expect(headers.get('Retry-After')).toBe('1');
    expect(headers.get('RateLimit')).toMatch(/^"writes";r=0;t=\d+$/);
    expect(headers.get('RateLimit-Policy')).toBe('"writes";q=60;w=30');
  }
  expect((await me.stored()).sort()).toEqual(
    passed.map(({ text }) => JSON.parse(text).text).sort(),
  );
  const added = [me, other].flatMap(({ id }) => [`user:${id}:memos`, `user:${id}:writes`]);
  expect([...(await readAll(redis)).keys()]).toEqual([...keys, ...added].sort());
});

const LONG = [
  'http://a#b #c ',
  'https://(',
  '#a ',
  '- [ ] a\n',
  'ㄳ',
  '\ufdfa', // eighteen characters in one
  '\u0316\u0301', // marks in the wrong order
];

test('texts that are slow to show and to search are both, and others are served meanwhile', async () => {
  const { redis, server } = await prepare();
  const other = await comeIn(redis);
  for (const unit of LONG) {
    const me = await comeIn(redis);
    const text = `x${unit.repeat(Math.floor(19_998 / [...unit].length))}x`;
    for (let i = 0; i < LONG_MEMOS; i++) {
      expect((await write(server.url, me, text)).status).toBe(201);
    }
    const queries = ['', unit, 'x', `${[...unit.repeat(100)].slice(0, 98).join('')}y`];
    const browser = { Accept: 'text/html', 'Accept-Encoding': 'br', 'Sec-Fetch-Site': 'none' };
    for (const query of queries) {
      let showing = true;
      const page = fetch(`${server.url}/?q=${encodeURIComponent(query)}`, {
        headers: { ...browser, Cookie: me.cookie },
        signal: AbortSignal.timeout(10_000),
      });
      const serveOther = async () => {
        // A server that is busy too long takes Redis for lost, and says so.
        while (showing) {
          expect([unit, (await ask(`${server.url}/memo`, other)).status]).toEqual([unit, 200]);
          await delay(5);
        }
      };
      const shown = page.finally(() => {
        showing = false;
      });
      const [answer] = await Promise.all([shown, serveOther()]);
      expect([unit, answer.status]).toEqual([unit, 200]);
      await answer.text();
    }
    expect(await me.stored()).toEqual(many(LONG_MEMOS, () => text));
  }
});
