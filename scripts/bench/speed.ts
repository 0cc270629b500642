/** Rows of speed: requests per second and CPU time, compared with the floor and memo.py's design. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type Action, CHROME, edit, pin, SAFARI, save, tick } from './browser.ts';
import { figure, type Target } from './figures.ts';
import type { Canned } from './floor.ts';
import type { Job } from './load.ts';
import {
  CITY,
  createCity,
  createMemoPyPerson,
  createPerson,
  createReaders,
  type Person,
  restoreCity,
  variedText,
} from './people.ts';
import { cpuTime } from './proc.ts';
import { type ReadResponse, type Request, sendOk } from './request.ts';
import type { Bench, Row } from './row.ts';
import { type Server, startFloor, startMemoPy } from './servers.ts';

/** Enough that the server is always busy, and few enough that no request waits long. */
const CONNECTIONS = 32;

/** Requests until the server's code is optimized; after fewer, a page took three times as long. */
const WARM_UP = 3000;

/** Number of responses whose length is measured. */
const SAMPLE = 20;

/** Headers of Node, or different for each response: the floor makes them itself. */
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
  /** sent by the connections in turn, to both servers */
  requests: Request[];
  /** 2: pairs of requests, each of one person, measured as one */
  steps?: 1 | 2;
  speed?: Target;
  cpu?: Target;
  /** runs before each measurement */
  prepare?: () => Promise<unknown>;
}

/** Measures memo and the floor, alternating, at full load. */
async function compareWithFloor(bench: Bench, comparison: Comparison) {
  const { memo } = bench;
  const { what, requests, steps = 1, speed, cpu, prepare } = comparison;
  const samples = requests.slice(0, steps);
  const floor = await startOwnFloor(bench, samples);
  try {
    await prepare?.();
    for (const request of samples) {
      const ofFloor = await sendOk(floor.origin, request);
      assertAlike(request, ofFloor, await sendOk(memo.origin, request));
    }

    const sides = [floor, memo].map((server) => ({ server, requests, steps }));
    const pick = await measureInTurns(bench, sides, prepare);
    const unit = steps === 1 ? 'req' : 'pair';
    return [
      figure({ what, unit: `${unit}/s`, ...pick('speed'), ...(speed && { target: speed }) }),
      figure({ what, unit: `CPU µs/${unit}`, ...pick('cpu'), ...(cpu && { target: cpu }) }),
      figure({ what, unit: `Redis CPU µs/${unit}`, ...pick('redisCpu') }),
      figure({ what, unit: 'CPU share', ...pick('share') }),
    ];
  } finally {
    await floor.stop();
  }
}

interface Measured {
  /** requests, or pairs of requests, per second */
  speed: number;
  /** µs per request or pair */
  cpu: number;
  /** µs per request or pair */
  redisCpu: number;
  /** CPU time / elapsed time: below 1, the server was not always busy */
  share: number;
}

/** A server with its requests, and the parts of a `Job` that differ from the default. */
interface Side extends Partial<Pick<Job, 'connections' | 'amount' | 'steps'>> {
  server: Server;
  requests: Request[];
}

/** Measures a reference and memo, alternating, after a warm-up of both. */
async function measureInTurns(bench: Bench, sides: Side[], prepare?: () => Promise<unknown>) {
  for (const side of sides) {
    await prepare?.();
    await saturate(bench, { amount: WARM_UP, ...side });
  }
  const measured: Measured[][] = sides.map(() => []);
  for (let round = 0; round < bench.rounds; round++) {
    for (const [i, side] of sides.entries()) {
      await prepare?.();
      measured[i]!.push(await saturate(bench, side));
    }
  }
  return (of: keyof Measured) => {
    const [reference = [], memo = []] = measured.map((its) => its.map((it) => it[of]));
    return { reference, memo };
  };
}

async function saturate(bench: Bench, { server, steps = 1, ...job }: Side): Promise<Measured> {
  const { loader, privateRedis, seconds } = bench;
  const [cpu, redisCpu] = [cpuTime(server.workers), cpuTime([privateRedis.pid])];
  const { origin } = server;
  const done = await loader.load({ origin, steps, seconds, connections: CONNECTIONS, ...job });
  const count = done.requests / steps;
  const used = cpuTime(server.workers) - cpu;
  return {
    speed: count / done.seconds,
    cpu: used / count,
    redisCpu: (cpuTime([privateRedis.pid]) - redisCpu) / count,
    share: used / 1e6 / done.seconds,
  };
}

/** Starts a floor with copies of memo's responses to these requests. */
async function startOwnFloor(bench: Bench, requests: Request[]) {
  const canned: Record<string, Canned> = {};
  for (const request of requests) {
    const { status, headers, body } = await sendOk(bench.memo.origin, request);
    const { method = 'GET', path } = request;
    const codings = request.headers?.['Accept-Encoding'];
    canned[`${method} ${path}${codings ? ` ${codings}` : ''}`] = {
      status,
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => !OWN_HEADERS.includes(name)),
      ),
      body: body.toString('base64'),
    };
  }
  const file = join(bench.work, 'canned.json');
  await writeFile(file, JSON.stringify(canned));
  return startFloor(bench, file);
}

/** The comparison is fair only if the floor sends the same responses as memo. */
function assertAlike(
  { method = 'GET', path }: Request,
  floor: ReadResponse,
  memo: ReadResponse,
): void {
  const drift = (what: string, ...both: unknown[]) => {
    throw new Error(`${method} ${path}: ${what} differ: floor ${both[0]}, memo ${both[1]}`);
  };
  if (floor.status !== memo.status) drift('statuses', floor.status, memo.status);
  const names = (response: ReadResponse) => Object.keys(response.headers).sort().join(', ');
  if (names(floor) !== names(memo)) drift('headers', names(floor), names(memo));
  // Ids, keys, times, the remaining quota and the length of compressed bodies differ between responses.
  const isPage = memo.headers['content-type']!.startsWith('text/html');
  const compressed = memo.headers['content-encoding'] !== undefined && isPage;
  const plain = (text: string) => text.replace(/\d+/g, '0');
  for (const [name, value] of Object.entries(memo.headers)) {
    const ofFloor = floor.headers[name]!;
    if (name === 'date' || (compressed && name === 'content-length')) continue;
    if (plain(ofFloor) !== plain(value)) drift(name, ofFloor, value);
  }
  if (compressed) {
    if (Math.abs(floor.body.length - memo.body.length) > Math.max(50, 0.02 * memo.body.length)) {
      drift('lengths', floor.body.length, memo.body.length);
    }
  } else if (floor.body.length !== memo.body.length) {
    drift('lengths', floor.body.length, memo.body.length);
  } else if (method === 'GET' && !isPage && !floor.body.equals(memo.body)) {
    drift('bodies', floor.body, memo.body);
  }
}

/** A new memo in JSON, as from a program. */
const write = ({ cookie }: Person, i: number): Request => ({
  method: 'POST',
  path: '/memo',
  headers: { Cookie: cookie, 'Content-Type': 'application/json' },
  body: JSON.stringify({ text: variedText(i) }),
});

async function compareAppends(bench: Bench, what: string) {
  const requests = (await createCity(bench)).map(write);
  const prepare = () => restoreCity(bench.redis);
  return compareWithFloor(bench, { what, requests, speed: AT_LEAST_90, prepare });
}

/** Runs the work while Redis writes to disk before it acknowledges, as in production. */
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

/** Compares memo's page with memo.py's whole list: each is what people see first. */
async function compareWithMemoPy(bench: Bench, count: number, least: number) {
  const { memo, privateRedis, redis, work } = bench;
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
    const { length } = JSON.parse(String((await sendOk(memoPy.origin, whole[0]!)).body));
    if (length !== count) throw new Error(`memo.py has sent ${length} memos of ${count}`);

    // Responses that take seconds: a number of requests, because few fit into the time.
    const some = count > 1000 ? { connections: 4, amount: 24 } : {};
    const reference = { server: memoPy, requests: whole, ...some };
    const pick = await measureInTurns(bench, [reference, { server: memo, requests: page }]);
    await redis.del([pythons, ...ours].map(({ id }) => `user:${id}:memos`));
    const what = `page of ${count} memos against memo.py's list`;
    return [
      figure({ what, unit: 'req/s', ...pick('speed'), target: { of: 'ratio', least } }),
      figure({ what, unit: 'CPU µs/req', ...pick('cpu') }),
    ];
  } finally {
    await memoPy.stop();
  }
}

/** The page with 50 varied memos, of this number of people in turn. */
async function comparePages(
  bench: Bench,
  browser: string,
  headers: Record<string, string>,
  count = CITY,
) {
  const people = (await createCity(bench)).slice(0, count);
  const requests = people.map(({ cookie }) => ({
    path: '/',
    headers: { Cookie: cookie, ...headers },
  }));
  return compareWithFloor(bench, { what: `GET / of ${count}, ${browser}`, requests });
}

/** The requests of an action of many people, and a figure of the length of the responses. */
async function prepareActions(bench: Bench, what: string, action: Action) {
  const requests: Request[] = [];
  for (const [i, person] of (await createCity(bench)).entries()) {
    requests.push(...(await action(bench, person, i)));
  }
  const memo: number[] = [];
  for (const request of requests.slice(0, SAMPLE)) {
    memo.push((await sendOk(bench.memo.origin, request)).body.length);
  }
  const target = { of: 'memo', most: 1024 } as const;
  return { requests, bytes: figure({ what: `${what}, its answer`, unit: 'bytes', memo, target }) };
}

/** CPU time of an action. Each request is sent once per round, because it changes the memo's version. */
async function measureActions(bench: Bench, what: string, action: Action) {
  const { requests, bytes } = await prepareActions(bench, what, action);
  const steps = requests.length / CITY;
  const side = { server: bench.memo, requests, steps, amount: requests.length };
  const measure = async () => {
    if (action !== pin) await restoreCity(bench.redis); // an unpin undoes a pin
    return (await saturate(bench, side)).cpu / steps;
  };
  for (let done = 0; done < WARM_UP; done += requests.length) await measure();
  const cpu: number[] = [];
  for (let round = 0; round < bench.rounds; round++) cpu.push(await measure());
  return [figure({ what, unit: 'CPU µs/req', memo: cpu }), bytes];
}

export const speedRows = {
  /** a page of the API */
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

  /** the main row: the HTML page with 50 varied memos, of many people in turn, requested by Chrome */
  city: (bench) => comparePages(bench, 'Chrome', CHROME),

  /** the same pages of a few people, repeatedly */
  few: (bench) => comparePages(bench, 'Chrome', CHROME, CONNECTIONS),

  /** the main row, requested by Safari */
  'city-safari': (bench) => comparePages(bench, 'Safari', SAFARI),

  /** the main row, requested by curl */
  'city-curl': (bench) => comparePages(bench, 'curl', {}),

  /** pages after a change: each person writes a memo, then requests the page */
  async 'city-change'(bench) {
    const people = await createCity(bench);
    const requests = people.flatMap((person, i): Request[] => [
      write(person, i),
      { path: '/', headers: { ...CHROME, Cookie: person.cookie } },
    ]);
    const prepare = () => restoreCity(bench.redis);
    const what = `POST /memo, then GET / of ${CITY}, Chrome`;
    return compareWithFloor(bench, { what, requests, steps: 2, prepare });
  },

  /** a page of 50 search hits, compared with the page of the same people without a search */
  async 'city-search'(bench) {
    const word = '찾는말';
    const people = await createCity(bench, ` ${word}`);
    const sides = ['/', `/?q=${encodeURIComponent(word)}`].map((path) => ({
      server: bench.memo,
      requests: people.map(({ cookie }) => ({ path, headers: { ...CHROME, Cookie: cookie } })),
    }));
    const headers = { Cookie: people[0]!.cookie };
    const { path } = sides[1]!.requests[0]!;
    const page = String((await sendOk(bench.memo.origin, { path, headers })).body);
    const found = page.split('<mark>').length - 1;
    if (found !== 50) throw new Error(`the search has marked ${found} words`);
    const pick = await measureInTurns(bench, sides);
    const what = `GET /?q= with 50 hits of ${CITY}, against GET /`;
    return [
      figure({ what, unit: 'CPU µs/req', ...pick('cpu'), target: { of: 'ratio', most: 1.5 } }),
    ];
  },

  /** a save as the page's script sends it, compared with a floor that only appends */
  async save(bench) {
    const what = `a save in the browser, of ${CITY}`;
    const { requests, bytes } = await prepareActions(bench, what, save);
    const prepare = () => restoreCity(bench.redis);
    const cpu = { of: 'ratio', most: 3 } as const;
    return [...(await compareWithFloor(bench, { what, requests, cpu, prepare })), bytes];
  },

  edit: (bench) => measureActions(bench, `an edit in the browser, of ${CITY}`, edit),

  tick: (bench) => measureActions(bench, `a tick of a task, of ${CITY}`, tick),

  pin: (bench) => measureActions(bench, `a pin or unpin, of ${CITY}`, pin),

  append: (bench) => compareAppends(bench, 'POST /memo'),

  'append-aof': (bench) =>
    withAppendOnly(bench.redis, () => compareAppends(bench, 'POST /memo on disk')),

  async asset(bench) {
    const { cookie } = await createPerson(bench, 'reader', 100);
    const home = await sendOk(bench.memo.origin, { path: '/', headers: { Cookie: cookie } });
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
