/** Rows of the server's process: its start, its memory, and idle event streams. */

import { CHROME } from './browser.ts';
import { figure, percentile } from './figures.ts';
import { CITY, createCity, createPerson, memoText, type Person } from './people.ts';
import { openFilesLimit, peakMemory, residentMemory } from './proc.ts';
import { sendOk } from './request.ts';
import type { Bench, Row } from './row.ts';
import { forkChild, startMemo } from './servers.ts';
import { monotonic, type Report, type Streams } from './streams.ts';

const STREAMS = 10_000;
const CHANGES = 200;
const REQUESTS = 100_000;

/** Opens an event stream for each person, in two processes. */
async function openStreams(port: number, people: Person[]) {
  const waiting = new Map<number, (at: number) => void>();
  let fail = (_: Error) => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {}); // handled by the races below
  const half = Math.ceil(people.length / 2);
  const children = [people.slice(0, half), people.slice(half)].map((part, i) => {
    const child = forkChild('streams.ts');
    const opened = new Promise<void>((resolve) => {
      child.on('message', (report: Report) => {
        if ('open' in report) resolve();
        else if ('lost' in report) fail(new Error(report.lost));
        else waiting.get(i * half + report.changed)?.(report.at);
      });
    });
    child.send({ port, cookies: part.map(({ cookie }) => cookie) } satisfies Streams);
    return { child, opened };
  });
  await Promise.race([Promise.all(children.map(({ opened }) => opened)), failed]);
  return {
    /** Resolves at the next change event of this person, with its time by {@link monotonic}. */
    nextChange: (index: number) =>
      Promise.race([new Promise<number>((resolve) => waiting.set(index, resolve)), failed]),
    close: () => {
      for (const { child } of children) child.disconnect();
    },
  };
}

export const processRows = {
  /** people with an open page and no requests */
  async streams(bench) {
    const count = Math.min(STREAMS, openFilesLimit() - 500);
    if (count < STREAMS) console.error(`only ${count} streams: no more files may be open here`);
    const people: Person[] = [];
    while (people.length < count) {
      const some = Array.from({ length: Math.min(500, count - people.length) }, (_, i) =>
        createPerson(bench, `listener${people.length + i}`),
      );
      people.push(...(await Promise.all(some)));
    }
    const memo = await startMemo(bench);
    try {
      await warmUp(bench, memo.origin, people);
      const before = residentMemory(memo.pid);
      const delays: number[] = [];
      const peak = await peakMemory(memo.pid, async () => {
        const streams = await openStreams(Number(new URL(memo.origin).port), people);
        for (let i = 0; i < CHANGES; i++) {
          const index = Math.floor((i * count) / CHANGES);
          const change = streams.nextChange(index);
          const start = monotonic();
          await sendOk(memo.origin, {
            method: 'POST',
            path: '/memo',
            headers: { Cookie: people[index]!.cookie, 'Content-Type': 'application/json' },
            body: JSON.stringify({ text: memoText(i) }),
          });
          delays.push((await change) - start);
        }
        streams.close();
      });
      const what = `${count} idle streams`;
      return [
        figure({
          what: `${what}, memory`,
          unit: 'MB more',
          memo: [peak - before],
          target: { of: 'memo', most: 200 },
        }),
        figure({
          what: `${what}, a change's way to its reader, p99`,
          unit: 'ms',
          memo: [percentile(delays, 0.99)],
          target: { of: 'memo', most: 50 },
        }),
      ];
    } finally {
      await memo.stop();
    }
  },

  /** from the start to the first response, with a running Redis */
  async start(bench) {
    const times: number[] = [];
    for (let i = 0; i < 7; i++) {
      const start = performance.now();
      const memo = await startMemo(bench);
      await sendOk(memo.origin, { path: '/healthz' });
      times.push(performance.now() - start);
      await memo.stop();
    }
    return [
      figure({
        what: 'start to first answer',
        unit: 'ms',
        memo: times,
        target: { of: 'memo', most: 250 },
      }),
    ];
  },

  /** the memory after many requests of many people */
  async memory(bench) {
    const people = await createCity(bench);
    const requests = people.flatMap(({ cookie, middle }) =>
      ['/', '/memo?limit=50', '/memo', `/memo/${middle}`].map((path) => ({
        path,
        headers: { Cookie: cookie, ...CHROME },
      })),
    );
    const memo = await startMemo(bench);
    try {
      const { origin } = memo;
      const run = async () => {
        const job = { origin, requests, steps: 4, connections: 32, amount: REQUESTS, seconds: 0 };
        await bench.loader.load(job);
        return residentMemory(memo.pid);
      };
      const first = await run();
      const second = await run();
      return [
        figure({
          what: `memory after ${2 * REQUESTS} requests of ${CITY}`,
          unit: 'MB',
          memo: [second],
          target: { of: 'memo', most: 120 },
        }),
        figure({
          what: `the same against after ${REQUESTS}`,
          unit: 'MB',
          reference: [first],
          memo: [second],
          target: { of: 'ratio', most: 1.05 },
        }),
      ];
    } finally {
      await memo.stop();
    }
  },
} satisfies Record<string, Row>;

/** The memory that any requests need does not count as memory of the streams. */
async function warmUp({ loader }: Bench, origin: string, [person]: Person[]): Promise<void> {
  const requests = [{ path: '/memo?limit=50', headers: { Cookie: person!.cookie } }];
  await loader.load({ origin, requests, connections: 8, seconds: 3 });
}
