/** Ten minutes of everything at once, while Redis and the wire to it break again and again. */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type Fault, startFaultProxy } from '../fault-proxy.ts';
import { startServer } from '../server.ts';
import {
  ask,
  compare,
  connectTo,
  createPerson,
  expectReady,
  measure,
  type Person,
  startOwnRedis,
  startWriters,
} from '../stage.ts';

const MINUTES = Number(process.env.SOAK_MINUTES || 10);
const MINUTE = 60_000; // ms
const ACTORS = 16;
const LISTENERS = 30;

/** What may be answered to a request that is right, whatever is broken. */
const RIGHT = [200, 201, 204, 303, 404, 503];

/** Two seconds after Redis is back, and one for being looked at on a busy machine. */
const WHOLE_AGAIN = 3000; // ms

const pick = <T>(list: T[]): T => list[Math.floor(Math.random() * list.length)]!;
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** A person's list stays about this long, so that what grows is the server's own. */
const LIST = 30;

/** One of the things that people do, with one of the memos that they saw last. */
async function act(url: string, person: Person, seen: number[]) {
  const id = pick(seen) ?? 1;
  const write = { text: `메모 ${Math.random()} ${'나무 '.repeat(20)}` };
  const [method, path, body] = pick<[string, string, unknown?]>([
    ['GET', '/'],
    ['GET', '/'],
    ['GET', '/memo?limit=50'],
    ['GET', '/memo?limit=50'],
    ['GET', '/memo?limit=50'],
    ['GET', '/memo'],
    ['GET', '/memo?q=ㅁㅁ'],
    ['GET', '/?q=나무'],
    ['GET', '/trash'],
    ['GET', '/sessions'],
    ['GET', `/memo/${id}`],
    ['PATCH', `/memo/${id}`, { text: `고친 메모 ${Math.random()}` }],
    ['PATCH', `/memo/${id}`, { pin: Math.random() < 0.5 }],
    ['POST', `/memo/${id}/restore`],
    ['POST', '/trash/empty'],
    seen.length < LIST ? ['POST', '/memo', write] : ['DELETE', `/memo/${id}`],
    seen.length < LIST ? ['POST', '/memo', write] : ['DELETE', `/memo/${id}`],
    seen.length < LIST ? ['POST', '/memo', write] : ['DELETE', `/memo/${id}`],
  ]);
  const answer = await ask(url + encodeURI(path), person, { method, body });
  if (path === '/memo?limit=50' && answer.status === 200) {
    const { memos } = JSON.parse(answer.text) as { memos: { id: number }[] };
    seen.splice(0, seen.length, ...memos.map((memo) => memo.id));
  }
  return `${method} ${path.replace(/\d+/, ':id')} ${answer.status}`;
}

test('nothing is lost and nothing grows', { timeout: (MINUTES + 3) * MINUTE }, async () => {
  const redis = await startOwnRedis();
  const wire = await startFaultProxy(redis.port);
  const server = await startServer({
    REDIS_URL: redis.url.replace(`:${redis.port}`, `:${wire.port}`),
    WRITES_PER_MINUTE: '100000',
  });
  const url = `http://127.0.0.1:${server.port}`;
  const admin = connectTo(redis.url);
  const end = performance.now() + MINUTES * MINUTE;
  const isOver = () => performance.now() > end;

  const writer = await createPerson(admin);
  const writers = startWriters([url], writer, 4, 50);
  const people = await Promise.all(Array.from({ length: ACTORS }, () => createPerson(admin)));
  const kinds = new Map<string, number>();
  const acting = people.map(async (person) => {
    const seen: number[] = [];
    while (!isOver()) {
      const what = await act(url, person, seen).catch(String);
      kinds.set(what, (kinds.get(what) ?? 0) + 1);
      await delay(20);
    }
  });
  let opened = 0;
  const streams = new Set<AbortController>();
  let isLeaving = false;
  const leave = () => {
    isLeaving = true;
    for (const stream of streams) stream.abort();
  };
  onTestFinished(leave);
  const listening = Array.from({ length: LISTENERS }, async (_, i) => {
    while (!isLeaving) {
      const stream = new AbortController();
      streams.add(stream);
      const timer = setTimeout(() => stream.abort(), randomInt(5000, 25_000));
      try {
        const answer = await fetch(`${url}/memo/events`, {
          headers: { Cookie: people[i % ACTORS]!.cookie },
          signal: stream.signal,
        });
        if (answer.ok) opened++;
        for await (const _ of answer.body!);
      } catch {
        await delay(200);
      }
      clearTimeout(timer);
      streams.delete(stream);
    }
  });

  const samples: { memory: number; files: number }[] = [];
  const sampling = (async () => {
    while (!isOver()) {
      samples.push(await measure(server.child.pid!));
      await delay(1000);
    }
  })();

  const FAULTS: Record<string, Fault> = {
    'replies to writes lost': { loseReplies: /append|replace|discard/ },
    'cut in the middle': { cutAfter: 5000 },
    silent: { silent: true },
    slow: { delay: 300 },
    'too slow': { delay: 2000 },
    gone: { gone: true },
    trickling: { trickle: true },
  };
  const HAPPENINGS: Record<string, () => Promise<unknown>> = {
    'Redis killed': async () => {
      await redis.current().kill();
      await delay(1000);
      await redis.again();
    },
    'Redis frozen': async () => {
      const { pid } = redis.current();
      process.kill(pid, 'SIGSTOP');
      await delay(2000).finally(() => process.kill(pid, 'SIGCONT'));
    },
    'scripts forgotten': () => admin.script('FLUSH'),
    'connections closed': () => admin.call('CLIENT', 'KILL', 'TYPE', 'normal'),
  };
  /** what was broken: how long it took each time until all was well again, in ms */
  const mended = new Map<string, number[]>();
  while (!isOver()) {
    await delay(4000);
    const what = pick([...Object.keys(FAULTS), ...Object.keys(HAPPENINGS)]);
    if (FAULTS[what]) {
      wire.set(FAULTS[what]);
      await delay(500 + Math.random() * 3000);
      wire.set({});
    } else {
      await HAPPENINGS[what]!();
    }
    mended.set(what, [...(mended.get(what) ?? []), await expectReady(url, 10_000)]);
  }

  await Promise.all([...acting, sampling]);
  const tally = await writers.stop();
  leave();
  await Promise.all(listening);
  const result = compare(tally, await writer.stored());

  // The first quarter is for warming up.
  const quarter = (i: number) =>
    samples.slice((samples.length * i) >> 2, (samples.length * (i + 1)) >> 2);
  const memory = [0, 1, 2, 3].map((i) => Math.round(median(quarter(i).map((it) => it.memory))));
  const files = [0, 1, 2, 3].map((i) => median(quarter(i).map((it) => it.files)));
  const asked = [...kinds.values()].reduce((sum, it) => sum + it, 0);
  console.log(
    [
      `${MINUTES} minutes, ${asked} requests, ${opened} streams opened`,
      'broken how often, and ready again after how many ms, median and longest:',
      ...[...mended].map(
        ([what, times]) => `  ${what}: ${times.length}, ${median(times)}, ${Math.max(...times)}`,
      ),
      `${result.acknowledged} memos acknowledged, ${result.lost.length} lost, ${result.doubled.length} doubled`,
      `writers' answers: ${[...tally.answers].map(([status, count]) => `${status} ${count}`).join(', ')}`,
      `memory by quarters: ${memory.join(', ')} MiB; open files: ${files.join(', ')}`,
      ...[...kinds].toSorted().map(([what, count]) => `  ${what}: ${count}`),
    ].join('\n'),
  );
  expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
  const wrong = [...kinds.keys()].filter((what) => !RIGHT.some((it) => what.endsWith(` ${it}`)));
  expect(wrong).toEqual([]);
  expect(mended.size).toBeGreaterThan(0);
  expect(Math.max(...[...mended.values()].flat())).toBeLessThan(WHOLE_AGAIN);
  // Not by refusing all of it: Redis is away for less than half of the time.
  const refused = [...kinds].filter(([what]) => what.endsWith(' 503'));
  expect(refused.reduce((sum, [, count]) => sum + count, 0)).toBeLessThan(asked / 2);
  expect(opened).toBeGreaterThan(2 * LISTENERS);
  expect(server.child.exitCode).toBeNull();
  expect(server.stderr).toBe('');
  expect(memory[3]! - memory[1]!).toBeLessThan(20);
  expect(files[3]! - files[1]!).toBeLessThan(20);
});
