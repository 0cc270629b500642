/** Rows of people with 100,000 memos. */

import { figure, median, type RowFigure } from './figures.ts';
import { createPerson, type Person } from './people.ts';
import { peakMemory } from './proc.ts';
import { type Request, sendOk } from './request.ts';
import type { Bench, Row } from './row.ts';
import { startMemo } from './servers.ts';

const SMALL = 100;
const LARGE = 100_000;
const TIMES = 200;

/** Requests per second of another person during a large operation. */
const OTHERS = 100;

/** Latencies of the same request for two people, alternating and without concurrency, in ms. */
async function compareInTurns(
  { memo }: Bench,
  [small, large]: [Person, Person],
  request: (person: Person, i: number) => Request,
) {
  const latencies = { reference: [] as number[], memo: [] as number[] };
  for (let i = -TIMES / 10; i < TIMES; i++) {
    for (const [person, list] of [
      [small, latencies.reference],
      [large, latencies.memo],
    ] as const) {
      const { headers, ...rest } = request(person, i);
      const withCookie = { ...rest, headers: { Cookie: person.cookie, ...headers } };
      const { ms } = await sendOk(memo.origin, withCookie);
      if (i >= 0) list.push(ms); // the first are the warm-up
    }
  }
  // The ratio is that of the medians: single latencies vary too much to be compared in pairs.
  return { reference: [median(latencies.reference)], memo: [median(latencies.memo)] };
}

/** Redis's time for one command during the work, in ms. The time of a script includes its commands. */
async function redisTime(
  { redis }: Bench,
  command: string,
  work: () => Promise<unknown>,
): Promise<number> {
  await redis.config('RESETSTAT');
  await work();
  const stats = await redis.info('commandstats');
  return Number(new RegExp(`^cmdstat_${command}:.*?\\busec=(\\d+)`, 'm').exec(stats)?.[1]) / 1000;
}

/** p99 of another person's page while work is repeated, in ms. */
async function p99OfOther(
  { loader, rounds, seconds }: Bench,
  origin: string,
  other: Person,
  work: () => Promise<unknown>,
): Promise<number> {
  const requests = [{ path: '/memo?limit=50', headers: { Cookie: other.cookie } }];
  const job = { origin, requests, rate: OTHERS, seconds: rounds * seconds };
  let isLoading = true;
  const loading = loader.load(job).finally(() => {
    isLoading = false;
  });
  while (isLoading) await work();
  return (await loading).p99;
}

export const longListRows = {
  /** operations on 100,000 memos, compared with 100 */
  async long(bench) {
    const people: [Person, Person] = [
      await createPerson(bench, 'small', SMALL),
      await createPerson(bench, 'large', LARGE),
    ];
    const json = { 'Content-Type': 'application/json' };
    const operations: Record<string, (person: Person, i: number) => Request> = {
      'a page': () => ({ path: '/memo?limit=50' }),
      'a lookup': ({ middle }) => ({ path: `/memo/${middle}` }),
      'an edit': ({ middle }, i) => ({
        method: 'PATCH',
        path: `/memo/${middle}`,
        headers: json,
        body: JSON.stringify({ text: `고친 글 ${i}` }),
      }),
      'a pin': ({ middle }, i) => ({
        method: 'PATCH',
        path: `/memo/${middle}`,
        headers: json,
        body: JSON.stringify({ pin: i % 2 === 0 }),
      }),
    };
    const figures: RowFigure[] = [];
    for (const [name, request] of Object.entries(operations)) {
      figures.push(
        figure({
          what: `${name} at ${LARGE} against ${SMALL}`,
          unit: 'ms',
          ...(await compareInTurns(bench, people, request)),
          target: { of: 'ratio', most: 1.3 },
        }),
      );
    }

    const { id, cookie } = people[1];
    const headers = { Cookie: cookie };
    const send = (request: Request) => sendOk(bench.memo.origin, { ...request, headers });
    for (const [where, index, target] of [
      ['amid', LARGE / 2, { of: 'memo', most: 5 }],
      ['among the newest of', LARGE - 50, undefined],
    ] as const) {
      const key = `user:${id}:memos`;
      const path = `/memo/${JSON.parse((await bench.redis.lindex(key, index))!).id}`;
      const [walks, removals, returns]: [number[], number[], number[]] = [[], [], []];
      for (let i = 0; i < 20; i++) {
        // The floor: a command that only walks to the index from the end of the list.
        const walk = () => bench.redis.lpos(key, '', 'RANK', -1, 'MAXLEN', LARGE - index);
        walks.push(await redisTime(bench, 'lpos', walk));
        // The commands that take long are in scripts.
        removals.push(await redisTime(bench, 'evalsha', () => send({ method: 'DELETE', path })));
        const restore = { method: 'POST', path: `${path}/restore` };
        returns.push(await redisTime(bench, 'evalsha', () => send(restore)));
      }
      const row = { unit: 'Redis ms', reference: walks, ...(target && { target }) };
      figures.push(
        figure({ what: `deleting ${where} ${LARGE}`, memo: removals, ...row }),
        figure({ what: `restoring ${where} ${LARGE}`, memo: returns, ...row }),
      );
    }
    return figures;
  },

  /** GET /memo of all memos */
  async list(bench) {
    const large = await createPerson(bench, 'large', LARGE);
    const other = await createPerson(bench, 'other', SMALL);
    const { loader } = bench;
    const memo = await startMemo(bench);
    try {
      const headers = { Cookie: other.cookie };
      const requests = [{ path: '/memo?limit=50', headers }];
      // Warm-up: the memory that any server uses does not count.
      await loader.load({ origin: memo.origin, requests, connections: 8, seconds: 3 });
      const before = await peakMemory(memo.pid, async () => {});
      const times: number[] = [];
      let p99 = 0;
      const peak = await peakMemory(memo.pid, async () => {
        p99 = await p99OfOther(bench, memo.origin, other, async () => {
          const whole = { path: '/memo', headers: { Cookie: large.cookie } };
          const { body, ms } = await sendOk(memo.origin, whole);
          times.push(ms);
          const { length } = JSON.parse(String(body)).memos;
          if (length !== LARGE) throw new Error(`the list has ${length} memos`);
        });
      });
      const what = `GET /memo of ${LARGE}`;
      return [
        figure({ what, unit: 'ms', memo: times }),
        figure({
          what: `${what}, memory`,
          unit: 'MB more',
          memo: [peak - before],
          target: { of: 'memo', most: 30 },
        }),
        figure({
          what: `${what}, others' p99`,
          unit: 'ms',
          memo: [p99],
          target: { of: 'memo', most: 50 },
        }),
      ];
    } finally {
      await memo.stop();
    }
  },

  /** a search without a hit, which reads all memos */
  async search(bench) {
    const large = await createPerson(bench, 'large', LARGE);
    const other = await createPerson(bench, 'other', SMALL);
    const { origin } = bench.memo;
    const headers = { Cookie: large.cookie };
    const times: number[] = [];
    const miss = async () => {
      const { body, ms } = await sendOk(origin, {
        path: `/memo?limit=50&q=${encodeURIComponent('없는말')}`,
        headers,
      });
      if (String(body) !== '{"memos":[]}') throw new Error('the search has found something');
      return ms;
    };
    for (let i = 0; i < bench.rounds; i++) times.push(await miss());
    const p99 = await p99OfOther(bench, origin, other, miss);
    const what = `search in ${LARGE} without a hit`;
    return [
      figure({ what, unit: 'ms', memo: times, target: { of: 'memo', most: 1500 } }),
      figure({
        what: `${what}, others' p99`,
        unit: 'ms',
        memo: [p99],
        target: { of: 'memo', most: 50 },
      }),
    ];
  },

  /** Redis's memory beyond the bytes of the memos */
  async bytes(bench) {
    const { redis } = bench;
    const figures: RowFigure[] = [];
    for (const count of [1000, 10_000, LARGE]) {
      const { id } = await createPerson(bench, `bytes${count}`, count);
      const key = `user:${id}:memos`;
      const held = (await redis.memory('USAGE', key, 'SAMPLES', 0))!;
      let json = 0;
      for (let i = 0; i < count; i += 1000) {
        for (const memo of await redis.lrange(key, i, i + 999)) json += Buffer.byteLength(memo);
      }
      await redis.del(key);
      figures.push(
        figure({
          what: `Redis memory beyond the JSON, of ${count}`,
          unit: 'bytes/memo',
          memo: [(held - json) / count],
          target: { of: 'memo', most: 16 },
        }),
      );
    }
    return figures;
  },
} satisfies Record<string, Row>;
