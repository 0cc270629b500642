/** What the server's process takes: to start, in the long run, and for people who only listen. */

import { askFor } from './ask.ts';
import { CHROME } from './browser.ts';
import { figure, percentile } from './figures.ts';
import { CITY, createCity, createPerson, memoText, type Person } from './people.ts';
import { openFilesLimit, peakMemory, residentMemory } from './proc.ts';
import type { Bench, Row } from './row.ts';
import { forkChild, startMemo } from './servers.ts';
import { monotonic, type Report, type Streams } from './streams.ts';

const STREAMS = 10_000;
const CHANGES = 200;
const REQUESTS = 100_000;

/** Opens a stream for each, in two processes, and gives what tells of the next change of one. */
async function openStreams(port: number, people: Person[]) {
  const waiting = new Map<number, (at: number) => void>();
  let fail = (_: Error) => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {}); // heard of where something is awaited
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
    /** When the next change comes to this one, by {@link monotonic}. */
    nextChange: (index: number) =>
      Promise.race([new Promise<number>((resolve) => waiting.set(index, resolve)), failed]),
    close: () => {
      for (const { child } of children) child.disconnect();
    },
  };
}

export const processRows = {
  /** people who have the page open and do nothing */
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
          await askFor(memo.origin, {
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

  /** from its start to its first answer, Redis being there */
  async start(bench) {
    const times: number[] = [];
    for (let i = 0; i < 7; i++) {
      const start = performance.now();
      const memo = await startMemo(bench);
      await askFor(memo.origin, { path: '/healthz' });
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

  /** the memory of a server that has answered many people a lot */
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

/** What a server takes for anybody's requests is not the streams'. */
async function warmUp({ loader }: Bench, origin: string, [person]: Person[]): Promise<void> {
  const requests = [{ path: '/memo?limit=50', headers: { Cookie: person!.cookie } }];
  await loader.load({ origin, requests, connections: 8, seconds: 3 });
}
