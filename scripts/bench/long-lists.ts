/** What becomes of it all with 100,000 memos. */

import { askFor, type Request } from './ask.ts';
import { figure, median, type RowFigure } from './figures.ts';
import { createPerson, type Person } from './people.ts';
import { peakMemory } from './proc.ts';
import type { Bench, Row } from './row.ts';
import { startMemo } from './servers.ts';

const SMALL = 100;
const LARGE = 100_000;
const TIMES = 200;

/** Requests a second of somebody else, while something large goes on. */
const OTHERS = 100;

/** The same request for two people in turns, one after another: ms of each. */
async function compareInTurns(
  { memo }: Bench,
  [small, large]: [Person, Person],
  request: (person: Person, i: number) => Request,
) {
  const ms = { reference: [] as number[], memo: [] as number[] };
  for (let i = -TIMES / 10; i < TIMES; i++) {
    for (const [person, list] of [
      [small, ms.reference],
      [large, ms.memo],
    ] as const) {
      const { headers, ...rest } = request(person, i);
      const asked = { ...rest, headers: { Cookie: person.cookie, ...headers } };
      const answer = await askFor(memo.origin, asked);
      if (i >= 0) list.push(answer.ms); // those before are for warming up
    }
  }
  // Of latencies, the medians are compared, not each with the one before it.
  return { reference: [median(ms.reference)], memo: [median(ms.memo)] };
}

/** Redis's own time, in ms, for one kind of command in what is done; a script's has all that it calls. */
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

/** What others notice while something goes on: p99 of somebody's page, in ms. */
async function othersMeanwhile(
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
  /** each operation at 100,000 memos against 100 */
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
    const ask = (request: Request) => askFor(bench.memo.origin, { ...request, headers });
    for (const [where, index, target] of [
      ['amid', LARGE / 2, { of: 'memo', most: 5 }],
      ['among the newest of', LARGE - 50, undefined],
    ] as const) {
      const key = `user:${id}:memos`;
      const path = `/memo/${JSON.parse((await bench.redis.lindex(key, index))!).id}`;
      const [walks, removals, returns]: [number[], number[], number[]] = [[], [], []];
      for (let i = 0; i < 20; i++) {
        // The floor: a command that only walks there from the end of the list.
        const walk = () => bench.redis.lpos(key, '', 'RANK', -1, 'MAXLEN', LARGE - index);
        walks.push(await redisTime(bench, 'lpos', walk));
        // All that takes long is in scripts.
        removals.push(await redisTime(bench, 'evalsha', () => ask({ method: 'DELETE', path })));
        const restore = { method: 'POST', path: `${path}/restore` };
        returns.push(await redisTime(bench, 'evalsha', () => ask(restore)));
      }
      const row = { unit: 'Redis ms', reference: walks, ...(target && { target }) };
      figures.push(
        figure({ what: `deleting ${where} ${LARGE}`, memo: removals, ...row }),
        figure({ what: `restoring ${where} ${LARGE}`, memo: returns, ...row }),
      );
    }
    return figures;
  },

  /** all memos at once */
  async list(bench) {
    const large = await createPerson(bench, 'large', LARGE);
    const other = await createPerson(bench, 'other', SMALL);
    const { loader } = bench;
    const memo = await startMemo(bench);
    try {
      const headers = { Cookie: other.cookie };
      const requests = [{ path: '/memo?limit=50', headers }];
      // What a server takes anyway is not the list's.
      await loader.load({ origin: memo.origin, requests, connections: 8, seconds: 3 });
      const before = await peakMemory(memo.pid, async () => {});
      const times: number[] = [];
      let p99 = 0;
      const peak = await peakMemory(memo.pid, async () => {
        p99 = await othersMeanwhile(bench, memo.origin, other, async () => {
          const whole = { path: '/memo', headers: { Cookie: large.cookie } };
          const { body, ms } = await askFor(memo.origin, whole);
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

  /** a search that goes through all of them */
  async search(bench) {
    const large = await createPerson(bench, 'large', LARGE);
    const other = await createPerson(bench, 'other', SMALL);
    const { origin } = bench.memo;
    const headers = { Cookie: large.cookie };
    const times: number[] = [];
    const miss = async () => {
      const { body, ms } = await askFor(origin, {
        path: `/memo?limit=50&q=${encodeURIComponent('없는말')}`,
        headers,
      });
      if (String(body) !== '{"memos":[]}') throw new Error('the search has found something');
      return ms;
    };
    for (let i = 0; i < bench.rounds; i++) times.push(await miss());
    const p99 = await othersMeanwhile(bench, origin, other, miss);
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

  /** what Redis holds beside the memos' own bytes */
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
