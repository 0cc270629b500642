/** Requests a second, CPU time and latencies, against the floor and against memo.py's design. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type Answer, askFor, type Request } from './ask.ts';
import type { Bench, Row } from './bench.ts';
import { figure, median, type RowFigure, type Target } from './figures.ts';
import type { Canned } from './floor.ts';
import {
  createCity,
  createMemoPyPerson,
  createPerson,
  createReaders,
  memoText,
  type Person,
} from './people.ts';
import { cpuTime } from './proc.ts';
import { type Server, startFloor, startMemoPy } from './servers.ts';

/** Enough that the server never waits for the load, few enough that none waits long for its turn. */
const CONNECTIONS = 32;

/** Requests after which a server's code is compiled: after fewer, a page took three times as long. */
const WARM_UP = 3000;

/** How many people are a city. */
const CITY = 600;

/** What decides how a page is compressed. */
const CHROME = { 'Accept-Encoding': 'gzip, deflate, br, zstd', 'Sec-Fetch-Site': 'none' };
const SAFARI = { 'Accept-Encoding': 'gzip, deflate, br', 'Sec-Fetch-Site': 'none' };

/** Node's own, or different for each answer: the floor makes them itself. */
const OWN_HEADERS = [
  'connection',
  'content-length',
  'date',
  'etag',
  'keep-alive',
  'location',
  'ratelimit',
  'ratelimit-policy',
  'transfer-encoding',
];

interface Comparison {
  what: string;
  /** made by each connection in turn; of each of the servers the same */
  requests: Request[];
  speed?: Target;
  cpu?: Target;
  /** before each time */
  prepare?: () => Promise<unknown>;
}

/** Measures memo and the floor in turns: as fast as they can, then at half of the slower one's speed. */
async function compareWithFloor(bench: Bench, comparison: Comparison) {
  const { memo, rounds, seconds } = bench;
  const { what, requests, speed, cpu, prepare } = comparison;
  const request = requests[0]!;
  const floor = await startOwnFloor(bench, request);
  try {
    await prepare?.();
    const answers = [await askFor(floor.origin, request), await askFor(memo.origin, request)];
    assertAlike(request, answers[0]!, answers[1]!);

    for (const server of [floor, memo]) {
      await prepare?.();
      await saturate(bench, server, requests, { amount: WARM_UP });
    }
    const saturated = { floor: [] as Measured[], memo: [] as Measured[] };
    for (let round = 0; round < rounds; round++) {
      await prepare?.();
      saturated.floor.push(await saturate(bench, floor, requests));
      await prepare?.();
      saturated.memo.push(await saturate(bench, memo, requests));
    }
    const pick = (of: keyof Measured) => ({
      reference: saturated.floor.map((it) => it[of]),
      memo: saturated.memo.map((it) => it[of]),
    });

    const slower = Math.min(
      ...[saturated.floor, saturated.memo].map((it) => median(it.map((m) => m.speed))),
    );
    const rate = Math.round(slower / 2);
    const paced = { floor: [] as Latencies[], memo: [] as Latencies[] };
    for (let round = 0; round < rounds; round++) {
      for (const [name, server] of [
        ['floor', floor],
        ['memo', memo],
      ] as const) {
        await prepare?.();
        paced[name].push(
          await bench.loader.load({ origin: server.origin, requests, rate, seconds }),
        );
      }
    }
    const latency = (of: keyof Latencies, name: string): RowFigure =>
      figure({
        what: `${what}, half as fast, ${name}`,
        unit: 'ms',
        reference: paced.floor.map((it) => it[of]),
        memo: paced.memo.map((it) => it[of]),
      });
    return [
      figure({ what, unit: 'req/s', ...pick('speed'), ...(speed && { target: speed }) }),
      figure({ what, unit: 'CPU µs/req', ...pick('cpu'), ...(cpu && { target: cpu }) }),
      figure({ what, unit: 'Redis CPU µs/req', ...pick('redisCpu') }),
      figure({ what, unit: 'CPU share', ...pick('share') }),
      figure({ what: `${what}, half as fast`, unit: 'req/s', memo: [rate] }),
      latency('p50', 'p50'),
      latency('p99', 'p99'),
      latency('p999', 'p99.9'),
    ];
  } finally {
    await floor.stop();
  }
}

type Latencies = { p50: number; p99: number; p999: number };

interface Measured {
  /** requests a second */
  speed: number;
  /** µs a request */
  cpu: number;
  /** µs a request */
  redisCpu: number;
  /** CPU time in the time that passed: below 1, it was not the server that was busy all the time */
  share: number;
}

async function saturate(
  { loader, privateRedis, seconds }: Bench,
  server: Server,
  requests: Request[],
  { connections = CONNECTIONS, amount }: { connections?: number; amount?: number } = {},
): Promise<Measured> {
  const [cpu, redisCpu] = [cpuTime(server.workers), cpuTime([privateRedis.pid])];
  const { origin } = server;
  const done = await loader.load({ origin, requests, connections, amount, seconds });
  const used = cpuTime(server.workers) - cpu;
  return {
    speed: done.requests / done.seconds,
    cpu: used / done.requests,
    redisCpu: (cpuTime([privateRedis.pid]) - redisCpu) / done.requests,
    share: used / 1e6 / done.seconds,
  };
}

/** A floor that knows this request, as memo answers it. */
async function startOwnFloor({ memo, privateRedis, work }: Bench, request: Request) {
  const { headers, body } = await askFor(memo.origin, request);
  const { method = 'GET', path } = request;
  const codings = request.headers?.['Accept-Encoding'];
  const canned: Record<string, Canned> = {
    [`${method} ${path}${codings ? ` ${codings}` : ''}`]: {
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => !OWN_HEADERS.includes(name)),
      ),
      body: body.toString('base64'),
    },
  };
  const file = join(work, 'canned.json');
  await writeFile(file, JSON.stringify(canned));
  return startFloor(privateRedis.url, work, file);
}

/** The floor is honest only while it answers as memo does. */
function assertAlike({ method = 'GET', path }: Request, floor: Answer, memo: Answer): void {
  const drift = (what: string, ...both: unknown[]) => {
    throw new Error(`${method} ${path}: ${what} differ: floor ${both[0]}, memo ${both[1]}`);
  };
  if (floor.status !== memo.status) drift('statuses', floor.status, memo.status);
  const names = (answer: Answer) => Object.keys(answer.headers).sort().join(', ');
  if (names(floor) !== names(memo)) drift('headers', names(floor), names(memo));
  // Ids, times, what is left of a limit, and the length of what was compressed, are another each time.
  const compressed = memo.headers['content-encoding'] !== undefined && path === '/';
  const plain = (text: string) => text.replace(/\d+/g, '0');
  for (const [name, value] of Object.entries(memo.headers)) {
    const own = floor.headers[name]!;
    if (name === 'date' || (compressed && name === 'content-length')) continue;
    if (plain(own) !== plain(value)) drift(name, own, value);
  }
  if (compressed) {
    if (Math.abs(floor.body.length / memo.body.length - 1) > 0.02) {
      drift('lengths', floor.body.length, memo.body.length);
    }
  } else if (floor.body.length !== memo.body.length) {
    drift('lengths', floor.body.length, memo.body.length);
  } else if (method === 'GET' && path !== '/' && !floor.body.equals(memo.body)) {
    drift('bodies', floor.body, memo.body);
  }
}

/** Each connection writes for somebody of its own; their lists are emptied before each time. */
async function compareAppends(bench: Bench, what: string, speed: Target) {
  const writers: Person[] = [];
  for (let i = 0; i < CONNECTIONS; i++) writers.push(await createPerson(bench, `writer${i}`));
  return compareWithFloor(bench, {
    what,
    requests: writers.map(({ cookie }) => ({
      method: 'POST',
      path: '/memo',
      headers: { Cookie: cookie, 'Content-Type': 'application/json' },
      body: JSON.stringify({ text: memoText(0) }),
    })),
    speed,
    prepare: () => bench.redis.del(...writers.map(({ id }) => `user:${id}:memos`)),
  });
}

/** With every write on the disk before it is acknowledged, as in production. */
async function withAppendOnly<T>(redis: Redis, work: () => Promise<T>): Promise<T> {
  await redis.config('SET', 'appendonly', 'yes');
  while (
    !/aof_rewrite_in_progress:0\s[\s\S]*aof_rewrite_scheduled:0/.test(
      await redis.info('persistence'),
    )
  ) {
    await sleep(50);
  }
  try {
    return await work();
  } finally {
    await redis.config('SET', 'appendonly', 'no');
  }
}

const AT_LEAST_90 = { of: 'ratio', least: 0.9 } as const;

/** memo's page against memo.py's whole list, which is what each shows first. */
async function compareWithMemoPy(bench: Bench, count: number, least: number) {
  const { memo, privateRedis, redis, rounds, work } = bench;
  const memoPy = await startMemoPy(privateRedis.url, work);
  if (!memoPy) {
    console.error('memo.py is skipped: no Python here has flask, redis and gunicorn');
    return [];
  }
  try {
    const pythons = await createMemoPyPerson(redis, `python${count}`, count);
    const ours = await createReaders(bench, `page${count}-`, CONNECTIONS, count);
    const whole = [{ path: '/memo', headers: { Cookie: pythons.cookie } }];
    const page = ours.map(({ cookie }) => ({
      path: '/memo?limit=50',
      headers: { Cookie: cookie },
    }));
    const { length } = JSON.parse(String((await askFor(memoPy.origin, whole[0]!)).body));
    if (length !== count) throw new Error(`memo.py has answered ${length} memos of ${count}`);

    // Answers that take seconds each are counted, not timed: few of them fit.
    const some = count > 1000 ? { connections: 4, amount: 24 } : {};
    await saturate(bench, memoPy, whole, some);
    await saturate(bench, memo, page);
    const [them, us]: Measured[][] = [[], []];
    for (let round = 0; round < rounds; round++) {
      them!.push(await saturate(bench, memoPy, whole, some));
      us!.push(await saturate(bench, memo, page));
    }
    await redis.del([pythons, ...ours].map(({ id }) => `user:${id}:memos`));
    const what = `page of ${count} memos against memo.py's list`;
    const pick = (of: keyof Measured) => ({
      reference: them!.map((it) => it[of]),
      memo: us!.map((it) => it[of]),
    });
    return [
      figure({ what, unit: 'req/s', ...pick('speed'), target: { of: 'ratio', least } }),
      figure({ what, unit: 'CPU µs/req', ...pick('cpu') }),
    ];
  } finally {
    await memoPy.stop();
  }
}

async function compareHome(
  bench: Bench,
  what: string,
  headers: Record<string, string>,
  { speed, people: count }: { speed?: Target; people?: number } = {},
) {
  const people = count
    ? await createCity(bench, count)
    : await createReaders(bench, 'home', CONNECTIONS, 50);
  const requests = people.map(({ cookie }) => ({
    path: '/',
    headers: { Cookie: cookie, ...headers },
  }));
  return compareWithFloor(bench, { what, requests, ...(speed && { speed }) });
}

export const speedRows = {
  /** the API's page */
  async page(bench) {
    const people = await createReaders(bench, 'reader', CONNECTIONS, 100);
    return compareWithFloor(bench, {
      what: 'GET /memo?limit=50',
      requests: people.map(({ cookie }) => ({
        path: '/memo?limit=50',
        headers: { Cookie: cookie },
      })),
      speed: AT_LEAST_90,
      cpu: { of: 'ratio', most: 1.15 },
    });
  },

  /** the HTML page with 50 varied memos of many people in turn, as Chrome asks for it: the main row */
  city: (bench) => compareHome(bench, `GET / of ${CITY}, Chrome`, CHROME, { people: CITY }),

  /** the same, as Safari asks for it */
  'city-safari': (bench) =>
    compareHome(bench, `GET / of ${CITY}, Safari`, SAFARI, { people: CITY }),

  /** the same, as curl asks for it */
  'city-curl': (bench) => compareHome(bench, `GET / of ${CITY}, curl`, {}, { people: CITY }),

  /** the page of a few people, again and again */
  home: (bench) => compareHome(bench, 'GET /', {}, { speed: { of: 'ratio', least: 0.7 } }),

  /** the same, as Chrome asks for it */
  'home-chrome': (bench) => compareHome(bench, 'GET /, Chrome', CHROME),

  append: (bench) => compareAppends(bench, 'POST /memo', AT_LEAST_90),

  'append-aof': (bench) =>
    withAppendOnly(bench.redis, () => compareAppends(bench, 'POST /memo on disk', AT_LEAST_90)),

  async asset(bench) {
    const { cookie } = await createPerson(bench, 'reader', 100);
    const home = await askFor(bench.memo.origin, { path: '/', headers: { Cookie: cookie } });
    const path = /\/assets\/app\.\w+\.js/.exec(String(home.body))![0];
    return compareWithFloor(bench, {
      what: 'GET /assets/app.js',
      requests: [{ path, headers: { 'Accept-Encoding': 'br' } }],
      speed: AT_LEAST_90,
    });
  },

  'memo-py': async (bench) => [
    ...(await compareWithMemoPy(bench, 50, 4)),
    ...(await compareWithMemoPy(bench, 10_000, 100)),
  ],
} satisfies Record<string, Row>;
