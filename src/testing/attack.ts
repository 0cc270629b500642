/**
 * Whoever wants to take the server down, by what they send, and what somebody else gets to see of
 * it. Each attack has two sizes: a little of it shows the rule that it is up against, all of it is
 * as much as a single client can send: on hundreds of connections, as libuv accepts one in a round of
 * the event loop, so that whoever comes behind more of them waits for a system call of each.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { beforeAll, expect, onTestFinished } from 'vitest';
import { type Server, startServer } from './server.ts';
import { connectTo, createPerson, openRedis, type Person, startOwnRedis } from './stage.ts';
import type { Seen, Watch } from './watcher.ts';

export type { Seen } from './watcher.ts';

/** Whatever is sent, the server takes no more memory than that, in MiB, with the image's options. */
export const MEMORY = 300;

// The place

/** A server in production with a Redis of its own, an attacker with an account, and somebody else. */
export interface Stage {
  server: Server;
  port: number;
  redis: Redis;
  redisUrl: string;
  me: Person;
  other: Person;
  /** further attackers, whom an attack brings along */
  crowd: Person[];
}

let shared: Omit<Stage, 'me' | 'other' | 'crowd'> | undefined;

/** One server for all tests of a file that need no settings of their own: to start thirty takes a minute. */
export function shareServer(): void {
  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'memo-attack-'));
    const { url, end } = await openRedis({}, dir);
    const redis = new Redis(url);
    const server = await startServer(production(url));
    shared = { server, port: server.port, redis, redisUrl: url };
    return async () => {
      shared = undefined;
      await server.stop('SIGKILL');
      redis.disconnect();
      await end();
      await rm(dir, { recursive: true, force: true });
    };
  });
}

const production = (redisUrl: string) => ({
  NODE_ENV: 'production',
  PUBLIC_URL: 'http://localhost',
  REDIS_URL: redisUrl,
});

/** @param env settings that need a server of their own */
export async function setUp(env?: Record<string, string>): Promise<Stage> {
  const place = env || !shared ? await startOwn(env) : shared;
  const { redis } = place;
  const [me, other] = [await createPerson(redis), await createPerson(redis)];
  await plant(
    redis,
    other,
    many(5, (i) => `다른 사람의 글 ${i}`),
  );
  // What it has said before is not of this test.
  place.server.lines.length = 0;
  return { ...place, me, other, crowd: [] };
}

async function startOwn(env: Record<string, string> = {}) {
  const { url } = await startOwnRedis();
  const server = await startServer({ ...production(url), ...env });
  return { server, port: server.port, redis: connectTo(url), redisUrl: url };
}

// What is stored before

export const many = <T>(count: number, of: (i: number) => T) =>
  Array.from({ length: count }, (_, i) => of(i));

/** Adds elements to a list, some hundred at a time. */
export async function push(redis: Redis, key: string, elements: string[]): Promise<void> {
  for (let i = 0; i < elements.length; i += 500) {
    await redis.rpush(key, ...elements.slice(i, i + 500));
  }
}

/** Memos as this server stores them, the oldest first, a millisecond apart. @returns their ids */
export async function plant(
  redis: Redis,
  { id }: Person,
  texts: string[],
  members: (id: number) => object = () => ({}),
): Promise<number[]> {
  const first = (Date.now() - texts.length) * 1000;
  const ids = texts.map((_, i) => first + i * 1000);
  const memos = texts.map((text, i) => JSON.stringify({ id: ids[i], text, ...members(ids[i]!) }));
  await push(redis, `user:${id}:memos`, memos);
  return ids;
}

/** The same, in the trash. */
export async function plantTrash(redis: Redis, { id }: Person, texts: string[]) {
  const first = (Date.now() - 2 * texts.length) * 1000;
  const ids = texts.map((_, i) => first + i * 1000);
  const deleted = (memo: number) => memo + texts.length * 1000;
  const entries = texts.map((text, i) =>
    JSON.stringify({ id: ids[i], text, deleted: deleted(ids[i]!) }),
  );
  await push(redis, `user:${id}:trash`, entries);
  return ids;
}

/** As long as a memo can be. */
export const fill = (unit: string) => {
  const text = unit.repeat(Math.floor(20_000 / [...unit].length));
  return text.trim() === text ? text : `x${text.slice(0, -2)}x`;
};

export const TASKS = fill('- [ ] a\n');

// What is sent

/** What came back; status 0: nothing, or not all of it. */
export interface Answer {
  path: string;
  status: number;
  headers: IncomingHttpHeaders;
  /** the first part of it, if it is very long */
  text: string;
  /** of what came, without the headers */
  bytes: number;
}

/** Of one answer, what the test keeps. */
const KEPT = 64 << 20; // bytes

/** One request of its own connection, with no header that is not named; it never rejects. */
export function send(
  { port }: Pick<Stage, 'port'>,
  path: string,
  {
    method = 'GET',
    person,
    body,
    headers = {},
    patience = 60_000,
  }: {
    method?: string;
    person?: Person;
    body?: string;
    headers?: Record<string, string>;
    patience?: number;
  } = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const came: Buffer[] = [];
    let bytes = 0;
    const end = (status: number, headers: IncomingHttpHeaders = {}) =>
      resolve({ path, status, headers, text: Buffer.concat(came).toString(), bytes });
    const asked = request({
      host: '127.0.0.1',
      port,
      path,
      method,
      agent: false,
      signal: AbortSignal.timeout(patience),
      headers: {
        ...(person && { Cookie: person.cookie }),
        ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
        ...headers,
      },
    });
    asked.on('error', () => end(0));
    asked.on('response', (answer) => {
      answer.on('data', (data) => {
        bytes += data.length;
        if (bytes < KEPT) came.push(data);
      });
      answer.on('error', () => end(0, answer.headers));
      answer.on('end', () => end(answer.complete ? answer.statusCode! : 0, answer.headers));
    });
    asked.end(body);
  });
}

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const JSON_TYPE = { 'Content-Type': 'application/json' };
export const BROWSER = { Accept: 'text/html' };
export const HTMX = { Accept: 'text/html', 'HX-Request': 'true' };

/** A form, filled in already. */
export const sendForm = (
  stage: Pick<Stage, 'port'>,
  path: string,
  body: string,
  { person, headers }: { person?: Person; headers?: Record<string, string> } = {},
) =>
  send(stage, path, {
    method: 'POST',
    body,
    headers: { ...FORM, ...BROWSER, ...headers },
    ...(person && { person }),
  });

/** Does something often, so many at a time. @returns all results */
export async function repeat<T>(count: number, width: number, act: (i: number) => Promise<T>) {
  const results: T[] = [];
  let next = 0;
  const work = async () => {
    while (next < count) results.push(await act(next++));
  };
  await Promise.all(many(width, work));
  return results;
}

/** A connection that is written to byte by byte, and what came back on it. */
export interface Line {
  socket: Socket;
  /** the first 64 KiB */
  said: string;
  bytes: number;
  /** how many have begun */
  answers: number;
  ended: boolean;
  end: Promise<unknown>;
}

/** @param reads whether it takes what comes, or no more than the first of it */
export function openLine(port: number, { reads = true } = {}): Line {
  const socket = connect(port, '127.0.0.1');
  const end = new Promise((resolve) => socket.once('close', resolve));
  const line: Line = { socket, said: '', bytes: 0, answers: 0, ended: false, end };
  socket.setEncoding('latin1');
  socket.on('data', (data: string) => {
    line.bytes += data.length;
    line.answers += data.split('HTTP/1.1 ').length - 1;
    if (line.said.length < 65_536) line.said += data;
    if (!reads) socket.pause();
  });
  socket.on('error', () => {}); // whoever is refused may be hung up on while sending
  socket.on('close', () => {
    line.ended = true;
  });
  onTestFinished(() => void socket.destroy());
  return line;
}

/** Many connections that each send the same, a hundred at a time: no more are queued by the system. */
export async function openLines(
  port: number,
  count: number,
  pieces: (string | Buffer)[],
  options: { reads?: boolean } = {},
): Promise<Line[]> {
  const lines: Line[] = [];
  while (lines.length < count) {
    const some = many(Math.min(100, count - lines.length), () => openLine(port, options));
    lines.push(...some);
    // A server that is gone refuses them.
    await Promise.allSettled(some.map(({ socket }) => once(socket, 'connect')));
    await Promise.all(some.map((line) => write(line, ...pieces)));
  }
  return lines;
}

/** Sends pieces, until the system has taken them or the connection ends. */
const write = ({ socket, end }: Line, ...pieces: (string | Buffer)[]) =>
  Promise.race([
    end,
    ...pieces
      .map((piece) => new Promise<void>((resolve) => socket.write(piece, () => resolve())))
      .slice(-1),
  ]);

/** The head of a request, with these headers and an empty line. */
export const head = (
  target: string,
  headers: Record<string, string | number> = {},
  person?: Person,
) =>
  [
    `${target} HTTP/1.1`,
    ...Object.entries({ Host: 'localhost', ...(person && { Cookie: person.cookie }), ...headers })
      .map(([name, value]) => `${name}: ${value}`)
      .concat('', ''),
  ].join('\r\n');

/** The status codes in what came back on a connection. */
export const statusesOf = ({ said }: Line) =>
  Array.from(said.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => Number(status));

/** What came first on a connection, as an answer. */
function answerOf(path: string, line: Line): Answer {
  const [start = '', ...text] = line.said.split('\r\n\r\n');
  const headers = Object.fromEntries(
    start
      .split('\r\n')
      .slice(1)
      .map((it) => [it.slice(0, it.indexOf(':')).toLowerCase(), it.slice(it.indexOf(':') + 2)]),
  );
  const bytes = Math.max(0, line.bytes - start.length - 4);
  const status = statusesOf(line)[0] ?? 0;
  return { path, status, headers, text: text.join('\r\n\r\n'), bytes };
}

/** Sends on a connection of its own, until the server hangs up or an answer is there. */
export async function sendRaw(
  stage: Stage,
  path: string,
  pieces: (string | Buffer)[],
): Promise<Answer> {
  const line = openLine(stage.port);
  for (const piece of pieces) line.socket.write(piece);
  await soon(() => line.ended || line.answers > 0)
    .toBe(true)
    .catch(() => {});
  line.socket.destroy();
  return answerOf(path, line);
}

/** Opens a list, and goes on to older ones by its links, to the end. */
export async function readOn(stage: Stage, path: string, person = stage.me): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    expect(answers.length).toBeLessThan(1000);
    const answer: Answer = await send(stage, next, { person, headers: BROWSER });
    answers.push(answer);
    next = /<li class="older">\s*<a href="([^"]+)"/
      .exec(answer.text)?.[1]
      ?.replaceAll('&amp;', '&');
  }
  return answers;
}

/** The memos whose cards are on pages. */
export const cardsOn = (answers: Answer[]) =>
  answers.flatMap(({ text }) =>
    Array.from(text.matchAll(/<article id="m(\d+)"/g), ([, id]) => Number(id)),
  );

// What somebody else sees

let idle: ChildProcess | undefined;

/** Does something while somebody reads all the time. */
export async function watch<T>(
  { server, port, redis, other }: Stage,
  act: () => Promise<T>,
  { paths = ['/memo?limit=5', '/'], pause = 10 } = {},
): Promise<{ result: T; seen: Seen }> {
  // One after the other they share a process, which takes a second to start.
  const watcher =
    idle ?? fork(new URL('watcher.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
  idle = undefined;
  const tell = () => once(watcher, 'message').then(([message]) => message);
  const started = tell();
  watcher.send({
    port,
    pid: server.child.pid!,
    redisPid: Number(/^process_id:(\d+)/m.exec(await redis.info('server'))?.[1]),
    cookie: other.cookie,
    paths,
    pause,
  } satisfies Watch);
  await started;
  const end = tell();
  const result = await act().finally(() => watcher.send('stop'));
  const seen = (await end) as Seen;
  idle = watcher;
  return { result, seen };
}

/** Whether a server is still there, and answers. */
export async function isAlive({ server, port }: Stage): Promise<boolean> {
  const { exitCode, signalCode } = server.child;
  if (exitCode !== null || signalCode !== null) return false;
  return (await send({ port }, '/healthz', { patience: 5000 })).status === 200;
}

/** What the server says of requests that failed, whoever's, but for want of room. */
const failuresIn = ({ lines }: Server) =>
  lines
    .map((line) => JSON.parse(line))
    .filter(({ status, reason }) => status >= 500 && reason !== 'busy')
    .map(({ path, status, reason }) => ({ path, status, reason }));

/**
 * Whatever happened: the process lives, is no larger than it may be, and nobody else was refused. Nor
 * was the storage blamed for it.
 */
export async function expectUnharmed(stage: Stage, seen: Seen): Promise<void> {
  expect(stage.server.stderr).toBe('');
  expect(await isAlive(stage)).toBe(true);
  expect(failuresIn(stage.server)).toEqual([]);
  expect(Object.keys(seen.answers)).toEqual(['200']);
  expect(seen.memory).toBeLessThan(MEMORY);
}

/** An attack, with somebody who reads meanwhile. */
export interface Attack {
  /** what is done */
  what: string;
  /** how much of it is enough to see its rule, and as much as one client can do */
  sizes: [little: number, full: number];
  /** the longest that 99 of a hundred of others' requests may take meanwhile, in ms */
  p99?: number;
  env?: Record<string, string>;
  /** what is there before */
  prepare?(stage: Stage, size: number): Promise<unknown>;
  run(stage: Stage, size: number): Promise<Answer[]>;
}

/** Stores texts of mine before an attack: as many as its size, unless `count` says how many. */
const mine =
  (text: (i: number) => string, { count, put = plant }: { count?: number; put?: Put } = {}) =>
  ({ redis, me }: Stage, size: number) =>
    put(redis, me, many(count ?? size, text));
type Put = (redis: Redis, person: Person, texts: string[]) => Promise<unknown>;

/** Looks at one of my pages: a `few` times at once, or 24 times when there is much on it. */
const look = (path: string, few: number) => (stage: Stage, size: number) =>
  repeat(size > 100 ? 24 : few, size > 100 ? 8 : few, () =>
    send(stage, path, { person: stage.me, headers: BROWSER }),
  );

/** Attacks a server of its own, and says what came of it. */
export async function suffer(attack: Attack, size: number) {
  const stage = await setUp(attack.env);
  await attack.prepare?.(stage, size);
  const { result: answers, seen } = await watch(stage, () => attack.run(stage, size));
  return { stage, answers, seen };
}

/** A little of an attack, which harms nobody. */
export async function withstand(attack: Attack) {
  const suffered = await suffer(attack, attack.sizes[0]);
  await expectUnharmed(suffered.stage, suffered.seen);
  return suffered;
}

// The attacks

/** Text forms are 256 KiB at most; this is what they were once. */
const LARGE = 1_000_000; // bytes
const LARGEST = 256 * 1024; // bytes

/** A body in chunks of one byte each: six bytes on the wire. */
const tinyChunks = (size: number) => Buffer.from('1\r\n"\r\n'.repeat(size));

const chunked = (target: string, headers: Record<string, string>, person?: Person) =>
  head(target, { ...headers, 'Transfer-Encoding': 'chunked' }, person);

export const chunksOfOneByte: Attack = {
  what: 'a body in a million chunks of one byte',
  sizes: [1, 8],
  async run(stage, size) {
    const body = tinyChunks(LARGE);
    const ways: [string, Record<string, string>, Person?][] = [
      ['/memo', FORM],
      ['/settings', FORM],
      ['/memo', FORM, stage.me],
      ['/memo', JSON_TYPE, stage.me],
    ];
    // Two at a time: Node's parser takes 14 ms for what it reads of each at first.
    const answers = await repeat(ways.length * size, 2, (i) => {
      const [path, headers, person] = ways[i % ways.length]!;
      const start = Buffer.from('5\r\ntext=\r\n');
      return sendRaw(stage, path, [chunked(`POST ${path}`, headers, person), start, body]);
    });
    return answers;
  },
};

/** Forms of which one byte is missing: the server waits for it. */
const unfinished = (bytes: number) => [
  head('POST /memo', { ...FORM, ...BROWSER, 'Content-Length': bytes }),
  Buffer.alloc(bytes - 1, 'x'),
];

export const heldForms: Attack = {
  what: 'forms of a megabyte and of 256 KiB that lack their last byte',
  sizes: [200, 300],
  p99: 1000,
  async run({ port }, size) {
    const large = await openLines(port, size, unfinished(1024 * 1024));
    const allowed = await openLines(port, size, unfinished(LARGEST));
    const lines = [...large, ...allowed];
    await soon(() => lines.every(({ ended }) => ended), 45_000)
      .toBe(true)
      .catch(() => {});
    return lines.map((line) => answerOf('/memo', line));
  },
};

/** What is longer on the page than in the form, or changes its length as it is read. */
const SPELLINGS = ['"', '+', '%0D', '%22', '&amp=', '<'];

export const echoedForms: Attack = {
  what: 'large forms of what is longer when it is echoed',
  sizes: [1, 8],
  async run(stage, size) {
    const ways = ['/memo', '/settings'].flatMap((path) =>
      SPELLINGS.flatMap((unit) =>
        [LARGE, LARGEST].map((bytes) => {
          const body = `text=${unit.repeat(Math.floor((bytes - 5) / unit.length))}`;
          return { path, body };
        }),
      ),
    );
    return repeat(ways.length * size, 4, (i) => {
      const { path, body } = ways[i % ways.length]!;
      return sendForm(stage, path, body);
    });
  },
};

export const unreadAnswers: Attack = {
  what: 'forms and large pages whose answers nobody takes',
  // 120 forms: a hundred that were echoed whole held 634 MB.
  sizes: [20, 40],
  p99: 1000,
  // Longer than what the system takes in the place of a reader.
  prepare: mine(() => TASKS, { count: 600 }),
  async run({ port, me }, size) {
    const form = (bytes: number, path: string) => [
      head(`POST ${path}`, { ...FORM, ...BROWSER, 'Content-Length': bytes }),
      Buffer.from(`text=${'"'.repeat(bytes - 5)}`),
    ];
    const kinds = [
      form(LARGE, '/memo'),
      form(LARGEST, '/memo'),
      form(LARGE, '/settings'),
      [head('GET /memo', {}, me)],
      [head('GET /memo?limit=200', {}, me)],
      [head('GET /', BROWSER, me)],
    ];
    const opened = await Promise.all(
      kinds.map((pieces) => openLines(port, size, pieces, { reads: false })),
    );
    const lines = opened.flat();
    await soon(() => lines.every(({ ended, answers }) => ended || answers > 0), 45_000)
      .toBe(true)
      .catch(() => {});
    return lines.map((line) => answerOf('', line));
  },
};

/** Waits for what a server does by itself. */
export const soon = <T>(read: () => T, timeout = 20_000) =>
  expect.poll(read, { timeout, interval: 50 });

/** Of each connection's answer, `bytes` is how many requests were answered. */
export const manyInARow: Attack = {
  what: '20,000 requests in a row on one connection',
  sizes: [1, 8],
  async run(stage, size) {
    const targets = ['/', '/memo', '/healthz', '/nowhere'];
    return repeat(size * targets.length, 4, async (i) => {
      const path = targets[i % targets.length]!;
      const one = head(`GET ${path}`);
      const line = openLine(stage.port);
      line.socket.write(one.repeat(20_000));
      // What has been answered without an end is no concern of this.
      await soon(() => line.ended || line.answers === 20_000)
        .toBe(true)
        .catch(() => {});
      line.socket.destroy();
      return { ...answerOf(path, line), bytes: line.answers };
    });
  },
};

export const tasksInTrash: Attack = {
  what: 'looks at a trash of the longest task lists',
  sizes: [29, 200],
  p99: 1000,
  prepare: mine(() => TASKS, { put: plantTrash }),
  run: look('/trash', 3),
};

export const tasksOnPage: Attack = {
  what: 'looks at a page of the longest task lists',
  sizes: [30, 200],
  p99: 1000,
  prepare: mine(() => TASKS),
  run: look('/', 1),
};

/** 14 KB of words, of which the first finds every task list. */
const LONG_QUERY = `a${'+a'.repeat(7000)}`;

export const longQueries: Attack = {
  what: 'task lists that are searched for with 14 KB of words, and 100 KB in a form',
  sizes: [30, 200],
  p99: 1000,
  prepare: mine(() => TASKS),
  async run(stage, size) {
    const times = size > 100 ? 8 : 1;
    const { me: person } = stage;
    const looks = [
      () => send(stage, `/?q=${LONG_QUERY}`, { person, headers: BROWSER }),
      () => send(stage, `/memo?q=${LONG_QUERY}`, { person, headers: HTMX }),
      () => sendForm(stage, '/memo', `text=a&q=${'a+'.repeat(50_000)}`, { person, headers: HTMX }),
      () => sendForm(stage, '/memo', `text=b&q=${'%22'.repeat(30_000)}`, { person, headers: HTMX }),
    ];
    const answers: Answer[] = [];
    for (let i = 0; i < times; i++) for (const look of looks) answers.push(await look());
    return answers;
  },
};

/** Texts that become much more on a page than they are, and what finds all of each. */
const DENSE: [unit: string, query: string][] = [
  ['#a ', 'a'],
  ['http://a ', 'a'],
  ['가', '가'],
  ['- [ ] a\n', 'a'],
  ['- [x] #a\n', 'a'],
  ['ㄱ ', 'ㄱ'],
];

export const denseTexts: Attack = {
  what: 'texts of nothing but tags, links and marks',
  sizes: [4, 50],
  p99: 1000,
  async prepare({ redis, crowd }, size) {
    for (const [unit] of DENSE) {
      const person = await createPerson(redis);
      await plant(
        redis,
        person,
        many(size, () => fill(unit)),
      );
      crowd.push(person);
    }
  },
  run: (stage, size) => {
    const looks = DENSE.flatMap(([unit, query], i) => {
      const queries = [unit.trim(), query].map((it) => `?q=${encodeURIComponent(it)}`);
      return ['', ...new Set(queries)].map((query) => ({ query, person: stage.crowd[i]! }));
    });
    return repeat(looks.length * (size > 4 ? 4 : 1), size > 4 ? 4 : 1, (i) => {
      const { query, person } = looks[i % looks.length]!;
      return i < looks.length
        ? send(stage, `/${query}`, { person, headers: BROWSER })
        : send(stage, `/memo${query}`, { person, headers: HTMX });
    });
  },
};

export const manySearches: Attack = {
  what: 'fifty searches of one account at once',
  sizes: [2_000, 20_000],
  p99: 1000,
  prepare: mine((i) => `${i} ${'가나다라 '.repeat(200)}`),
  run: (stage) =>
    repeat(50, 50, (i) =>
      send(stage, `${i % 2 ? '/' : '/memo'}?q=${encodeURIComponent(`없는말${i}`)}`, {
        person: stage.me,
        ...(i % 2 && { headers: BROWSER }),
      }),
    ),
};

export const manyPeopleSearch: Attack = {
  what: 'searches of twenty accounts at once',
  sizes: [200, 5_000],
  p99: 1000,
  async prepare({ redis, crowd }, size) {
    const texts = many(size, (i) => `${i} ${'가나다라 '.repeat(200)}`);
    crowd.push(...(await repeat(20, 20, () => createPerson(redis))));
    for (const person of crowd) await plant(redis, person, texts);
  },
  run: (stage) =>
    repeat(60, 60, (i) =>
      send(stage, `/memo?q=${encodeURIComponent('없는말')}`, { person: stage.crowd[i % 20]! }),
    ),
};

export const largeReads: Attack = {
  what: 'hundreds who read 512 KB pages of one account',
  sizes: [100, 300],
  p99: 1000,
  prepare: mine((i) => `${i} ${'가'.repeat(19_990)}`, { count: 100 }),
  run: (stage, size) =>
    repeat(size * 2, size, () => send(stage, '/memo?limit=200', { person: stage.me })),
};

export const peopleReadMuch: Attack = {
  what: 'dozens of people who read 512 KB pages at once',
  sizes: [40, 300],
  p99: 1000,
  async prepare({ redis, crowd }, size) {
    crowd.push(...(await repeat(size / 4, 10, () => createPerson(redis))));
    const texts = many(30, (i) => `${i} ${'a'.repeat(19_990)}`);
    for (const person of crowd) await plant(redis, person, texts);
  },
  run: (stage, size) =>
    repeat(size * 3, size, (i) =>
      send(stage, '/memo?limit=200', { person: stage.crowd[i % stage.crowd.length]! }),
    ),
};

export const absentIds: Attack = {
  what: 'ids that are not there, beside a trash of 100,000 and more',
  sizes: [100_000, 500_000],
  prepare: mine((i) => `지운 글 ${i}`, { put: plantTrash }),
  run: (stage, size) =>
    repeat(size / 2_500, 8, (i) =>
      send(stage, `/memo/${i + 1}${i % 2 ? '/restore' : ''}`, {
        method: i % 2 ? 'POST' : 'DELETE',
        person: stage.me,
      }),
    ),
};

/** Elements as memo.py, or whoever posted to it, left them: each slow to be read in its own way. */
export const AWKWARD = [
  `{"text": "${`a${' '.repeat(20_000)}b`}"}`,
  `{${' '.repeat(20_000)}"text": "앞"${' '.repeat(20_000)}}${' '.repeat(5)}`,
  `{"text": "여럿", ${many(8_000, (i) => `"m${i}": "id"`).join(', ')}, "id": 1}`,
  `{"text": "겹침", ${many(8_000, () => '"id": 1').join(', ')}}`,
  `{"text": "깊이", "a": ${'['.repeat(8_000)}${']'.repeat(8_000)}, "id": 1}`,
  `{"text": "${'\\"'.repeat(10_000)}", "id": 1}`,
  `{"text": "${'{'.repeat(20_000)}", "id": 1}`,
];

export const memoPyElements: Attack = {
  what: 'elements of memo.py’s with 20,000 spaces, 8,000 members, and a hundred thousand at once',
  sizes: [1, 20],
  p99: 1000,
  async prepare({ redis, me }, size) {
    const key = `user:${me.id}:memos`;
    await push(
      redis,
      key,
      many(5_000 * size, (i) => `{"text": "글 ${i}"}`),
    );
    for (let i = 0; i < size; i++) await push(redis, key, AWKWARD);
  },
  run: (stage) => repeat(4, 4, () => send(stage, '/memo?limit=200', { person: stage.me })),
};

export const manySessions: Attack = {
  what: '20,000 sessions of one person',
  sizes: [5_000, 20_000],
  async prepare({ redis, me }, size) {
    const key = `user:${me.id}:sessions`;
    const now = Date.now();
    const hashes = many(size, (i) => i.toString(16).padStart(64, '0'));
    for (let i = 0; i < size; i += 500) {
      const some = hashes.slice(i, i + 500);
      const sessions = some.flatMap((hash, n) => [
        `session:${hash}`,
        JSON.stringify({
          user: me.id,
          began: now - size * 1000,
          used: now - 3_600_000 - (i + n) * 1000,
          browser: '"'.repeat(250),
        }),
      ]);
      await redis.sadd(key, ...some);
      await redis.mset(...sessions);
    }
  },
  run: (stage, size) =>
    repeat(size > 5_000 ? 16 : 2, 8, (i) =>
      send(stage, i % 2 ? '/memo?limit=5' : '/sessions', {
        person: stage.me,
        headers: BROWSER,
      }),
    ),
};

export const longPaths: Attack = {
  what: 'paths of 15 KB',
  sizes: [100, 2_000],
  run: (stage, size) =>
    repeat(size, 8, (i) => send(stage, `/${i}${'/x'.repeat(7_500)}`, { headers: BROWSER })),
};

export const endlessBodies: Attack = {
  what: 'bodies of one-byte chunks that nobody asked for, without an end',
  sizes: [8, 32],
  // Node's parser takes 16 ms for what it reads of each at first.
  p99: 1000,
  async run(stage, size) {
    const targets = ['GET /', 'GET /nowhere', 'POST /nowhere', 'POST /logout'];
    const body = tinyChunks(200_000);
    const lines = await repeat(size, size, async (i) => {
      const line = openLine(stage.port);
      line.socket.write(chunked(targets[i % targets.length]!, {}));
      // As fast as it is taken, and for as long as one lets it: a dozen megabytes.
      for (let n = 0; n < 10 && !line.ended; n++) {
        await write(line, body);
      }
      line.socket.destroy();
      return line;
    });
    return lines.map((line) => answerOf('', line));
  },
};

export const abandoned: Attack = {
  what: 'searches and long pages that are left as soon as they are asked for',
  sizes: [100, 2_000],
  p99: 1000,
  async prepare({ redis, me }) {
    await plant(
      redis,
      me,
      many(2_000, (i) => `${i} ${'가나다라 '.repeat(200)}`),
    );
    await plant(
      redis,
      me,
      many(60, () => TASKS),
    );
  },
  async run(stage, size) {
    const paths = ['/', `/?q=${encodeURIComponent('없는말')}`, '/?q=a', '/memo', '/trash'];
    await repeat(size, 20, async (i) => {
      const line = openLine(stage.port);
      await write(line, head(`GET ${paths[i % paths.length]}`, BROWSER, stage.me));
      // The next one shows that this has been seen.
      await send(stage, '/healthz');
      line.socket.resetAndDestroy();
    });
    return [];
  },
};

export const pinnedLists: Attack = {
  what: 'a hundred of the longest task lists, all pinned, with one open to be edited',
  sizes: [1, 8],
  p99: 1000,
  async prepare({ redis, me }) {
    const ids = await plant(
      redis,
      me,
      many(150, () => TASKS),
      () => ({ pin: true }),
    );
    await redis.sadd(`user:${me.id}:pins`, ...ids.slice(0, 100));
  },
  async run(stage, size) {
    const { me: person, redis } = stage;
    const ids = (await redis.smembers(`user:${person.id}:pins`)).map(Number);
    const [first, last] = [Math.max(...ids), Math.min(...ids)];
    const paths = [
      '/',
      `/?edit=${first}`,
      `/?edit=${last}&q=a`,
      `/?through=${last}`,
      `/?q=a&through=${last}`,
    ];
    return repeat(paths.length * size, size, (i) =>
      send(stage, paths[i % paths.length]!, { person, headers: BROWSER }),
    );
  },
};

/** As many words as fit into a request's head. */
const HEADERS: Record<string, string>[] = [
  { 'Accept-Language': many(2_000, (i) => `x${i};q=0.${i % 10}`).join(',') },
  { Accept: many(2_000, (i) => `a/b${i}`).join(',') },
  { 'Accept-Encoding': many(2_000, (i) => `x${i}`).join(',') },
  { Cookie: many(300, (i) => `userId=${String(i).padStart(43, 'x')}`).join('; ') },
  { Cookie: many(1_700, (i) => `userId=${i}`).join(';') },
  { 'If-Match': `"${'1'.repeat(15_000)}"` },
  { 'X-Forwarded-For': many(2_000, (i) => `::${i}`).join(',') },
];

export const longHeaders: Attack = {
  what: 'heads of 15 KB full of languages, types and cookies',
  sizes: [70, 3_500],
  env: { TRUST_PROXY: '1' },
  run: (stage, size) =>
    repeat(size, 20, (i) =>
      send(stage, i % 2 ? '/' : '/memo', { headers: HEADERS[i % HEADERS.length]! }),
    ),
};

export const headOfLists: Attack = {
  what: 'heads only of long lists and pages',
  sizes: [40, 1_000],
  p99: 1000,
  prepare: mine(() => TASKS, { count: 600 }),
  run: (stage, size) =>
    repeat(size, 20, (i) =>
      send(stage, i % 2 ? '/' : '/memo', { method: 'HEAD', person: stage.me, headers: BROWSER }),
    ),
};

export const compressedPages: Attack = {
  what: 'compressed pages of the longest memos, for several people',
  sizes: [8, 80],
  p99: 1000,
  async prepare({ redis, crowd }) {
    crowd.push(...(await repeat(10, 10, () => createPerson(redis))));
    for (const person of crowd)
      await plant(
        redis,
        person,
        many(30, () => TASKS),
      );
  },
  run: (stage, size) =>
    repeat(size, size, (i) =>
      send(stage, '/', {
        person: stage.crowd[i % 10]!,
        headers: { ...BROWSER, 'Accept-Encoding': 'br', 'Sec-Fetch-Site': 'none' },
      }),
    ),
};

/** All that were found once, and their like. */
export const ATTACKS: Attack[] = [
  chunksOfOneByte,
  heldForms,
  echoedForms,
  unreadAnswers,
  manyInARow,
  tasksInTrash,
  tasksOnPage,
  longQueries,
  denseTexts,
  manySearches,
  manyPeopleSearch,
  largeReads,
  peopleReadMuch,
  absentIds,
  memoPyElements,
  manySessions,
  longPaths,
  endlessBodies,
  abandoned,
  pinnedLists,
  longHeaders,
  headOfLists,
  compressedPages,
];
