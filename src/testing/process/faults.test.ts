/** What is acknowledged is kept, once and in its order, whatever breaks in between. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { findFreePort } from '../../../scripts/redis.ts';
import { type Fault, startFaultProxy } from '../fault-proxy.ts';
import { startServer } from '../server.ts';
import {
  ask,
  compare,
  connectTo,
  createPerson,
  expectReady,
  makeFolder,
  measure,
  PATIENCE,
  startOwnRedis,
  startWriters,
} from '../stage.ts';

const run = promisify(execFile);

/** Only root can have a small disk, and not every root. */
const canMount = await run('unshare', ['--mount', 'true']).then(
  () => true,
  () => false,
);

/** The longest until all is well after Redis has come back, in ms; and a little for the machine. */
const WHOLE_AGAIN = 2000 + 1000;

/** The server, and Redis at the other end of a wire that can be bad. */
async function startStage(config: Record<string, string> = {}, folder?: string) {
  const redis = await startOwnRedis(config, folder);
  const wire = await startFaultProxy(redis.port);
  const url = redis.url.replace(`:${redis.port}`, `:${wire.port}`);
  const server = await startServer({ REDIS_URL: url });
  const admin = connectTo(redis.url);
  const person = await createPerson(admin);
  const at = (path: string) => `http://127.0.0.1:${server.port}${path}`;
  return { redis, wire, server, admin, person, at };
}
type Stage = Awaited<ReturnType<typeof startStage>>;

const write = (stage: Stage, text: string, key = text) =>
  ask(stage.at('/memo'), stage.person, {
    method: 'POST',
    body: { text },
    headers: { 'Idempotency-Key': encodeURIComponent(key) },
  });

/** What is there before anything breaks. */
async function writeFirst(stage: Stage): Promise<number> {
  const answer = await write(stage, '먼저');
  expect(answer.status).toBe(201);
  return JSON.parse(answer.text).id;
}

/** Every kind of request at once; each is answered in time, rightly. */
async function askEverything(stage: Stage, first: number, key: string) {
  const { at, person } = stage;
  return Promise.all([
    ask(at('/'), person, { headers: { Accept: 'text/html' } }),
    ask(at('/memo'), person),
    ask(at('/memo?limit=5'), person),
    ask(at('/memo?q=x'), person),
    ask(at('/trash'), person),
    write(stage, `${key} 1`),
    write(stage, `${key} 2`),
    ask(at(`/memo/${first}`), person, { method: 'PATCH', body: { pin: true } }),
    ask(at('/readyz'), {}),
  ]);
}

// Thirty starts take a slow machine their time.
describe('killed at any moment, with writers that do not give up,', { timeout: 120_000 }, () => {
  const ROUNDS = inject('thorough') ? 30 : 5;
  const report = (what: string, result: ReturnType<typeof compare>) =>
    console.log(
      `${what}: ${ROUNDS} rounds, ${result.acknowledged} acknowledged, ${result.lost.length} lost, ${result.doubled.length} doubled`,
    );

  /** Some moment after something new was acknowledged. */
  const anyMoment = async ({ tally }: ReturnType<typeof startWriters>) => {
    const count = () => tally.times.size;
    await expect.poll(count, { timeout: 20_000, interval: 5 }).toBeGreaterThan(count());
    await delay(Math.random() * 100);
  };

  test('the server loses, doubles and disorders nothing', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const person = await createPerson(admin);
    const env = { REDIS_URL: redis.url, PORT: String(await findFreePort()) };
    let server = await startServer(env);
    const writers = startWriters([`http://127.0.0.1:${env.PORT}`], person);
    for (let round = 0; round < ROUNDS; round++) {
      await anyMoment(writers);
      await server.stop('SIGKILL');
      server = await startServer(env);
    }
    const result = compare(await writers.stop(), await person.stored());
    report('the server killed', result);
    expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
    expect(result.acknowledged).toBeGreaterThan(ROUNDS);
  });

  test('Redis loses nothing that was acknowledged, nor doubles it', async () => {
    const { redis, server, person } = await startStage();
    const writers = startWriters([`http://127.0.0.1:${server.port}`], person);
    for (let round = 0; round < ROUNDS; round++) {
      await anyMoment(writers);
      await redis.current().kill();
      await redis.again();
    }
    await expectReady(`http://127.0.0.1:${server.port}`);
    const result = compare(await writers.stop(), await person.stored());
    report('Redis killed, appendfsync always', result);
    expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
    expect(result.acknowledged).toBeGreaterThan(ROUNDS);
  });

  test('a Redis that syncs every second loses no more than what was new then', async () => {
    const { redis, server, person } = await startStage({ appendfsync: 'everysec' });
    // The session is older than what a kill may take: a stop writes all that there is.
    await redis.current().stop();
    await redis.again();
    const writers = startWriters([`http://127.0.0.1:${server.port}`], person);
    const kills: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await anyMoment(writers);
      await redis.current().kill();
      kills.push(performance.now());
      await redis.again();
    }
    await expectReady(`http://127.0.0.1:${server.port}`);
    const tally = await writers.stop();
    const result = compare(tally, await person.stored());
    report('Redis killed, appendfsync everysec', result);
    const isNew = (text: string) =>
      kills.some((at) => tally.times.get(text)! <= at && at - tally.times.get(text)! < 2000);
    expect(result.lost.filter((text) => !isNew(text))).toEqual([]);
    expect(result).toMatchObject({ doubled: [], disordered: [] });
    expect(result.acknowledged).toBeGreaterThan(ROUNDS);
  });
});

describe('a wire that', () => {
  const FAULTS: Record<string, Fault> = {
    'loses all replies': { loseReplies: /./ },
    'loses the reply to a write': { loseReplies: /append/ },
    'is cut in the middle of a request': { cutAfter: 300 },
    'says nothing any more': { silent: true },
    'takes two seconds': { delay: 2000 },
    'is gone': { gone: true },
  };

  test.each(Object.entries(FAULTS))(
    '%s: all is answered, and nothing is doubled',
    async (name, fault) => {
      const stage = await startStage();
      const { wire, server, person, at } = stage;
      const first = await writeFirst(stage);
      wire.set(fault);
      for (let i = 0; i < 2; i++) {
        for (const answer of await askEverything(stage, first, '사이')) {
          expect([200, 201, 503]).toContain(answer.status);
          if (answer.status === 503) {
            expect(answer.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
          }
        }
      }
      wire.set({});
      console.log(
        `after a wire that ${name}: ready after ${await expectReady(at(''), WHOLE_AGAIN)} ms`,
      );
      // Whatever the outcome of the first attempts was: sent again, each is there once.
      for (const key of ['사이 1', '사이 2']) {
        await expect.poll(async () => (await write(stage, key)).status < 202).toBe(true);
      }
      expect((await person.stored()).toSorted()).toEqual(['먼저', '사이 1', '사이 2'].toSorted());
      expect(server.child.exitCode).toBeNull();
    },
  );

  test('passes one byte at a time only takes longer', async () => {
    const stage = await startStage();
    stage.wire.set({ trickle: true });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await write(stage, `글 ${i}`)).status);
    for (const status of statuses) expect([201, 503]).toContain(status);
    expect(statuses).toContain(201);
    stage.wire.set({});
    await expectReady(stage.at(''), WHOLE_AGAIN);
    for (let i = 0; i < 3; i++) expect((await write(stage, `글 ${i}`)).status).toBeLessThan(202);
    // One that took too long was sent again after the others.
    expect((await stage.person.stored()).toSorted()).toEqual(['글 0', '글 1', '글 2']);
  });

  test('comes and goes while writers write', async () => {
    const stage = await startStage();
    const writers = startWriters([stage.at('')], stage.person, 8);
    for (let round = 0; round < 12; round++) {
      const faults: Fault[] = [{ loseReplies: /append/ }, { cutAfter: 200 }, { gone: true }, {}];
      stage.wire.set(faults[round % faults.length]!);
      if (round % 3 === 0) stage.wire.cut();
      await delay(150 + Math.random() * 100);
    }
    stage.wire.set({});
    const tally = await writers.stop();
    const result = compare(tally, await stage.person.stored());
    console.log(
      `a bad wire: ${tally.attempts} attempts, ${result.acknowledged} acknowledged, ${result.lost.length} lost, ${result.doubled.length} doubled`,
    );
    expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
    expect(result.acknowledged).toBeGreaterThan(0);
  });
});

describe('a Redis that', () => {
  test('is frozen or paused for seconds is answered for, and then all is well', async () => {
    const stage = await startStage();
    const { redis, admin, at } = stage;
    await writeFirst(stage);
    const thaw = () => process.kill(redis.current().pid, 'SIGCONT');
    onTestFinished(() => {
      try {
        thaw();
      } catch {
        // It has ended.
      }
    });
    await admin.call('CLIENT', 'PAUSE', '2500', 'ALL');
    const paused = await write(stage, '멈춘 동안');
    expect([paused.status, paused.headers.get('Retry-After')]).toEqual([503, '2']);
    await expectReady(at(''));
    process.kill(redis.current().pid, 'SIGSTOP');
    const frozen = await write(stage, '언 동안');
    expect(frozen.status).toBe(503);
    expect((await ask(at('/readyz'), {})).status).toBe(503);
    expect((await ask(at('/healthz'), {})).status).toBe(200);
    thaw();
    await expectReady(at(''), WHOLE_AGAIN);
    for (const text of ['멈춘 동안', '언 동안']) {
      expect((await write(stage, text)).status).toBeLessThan(202);
    }
    expect((await stage.person.stored()).toSorted()).toEqual(
      ['멈춘 동안', '먼저', '언 동안'].toSorted(),
    );
  });

  test('is gone for ten seconds is waited for: in time, in little memory, and not for long after', async () => {
    const stage = await startStage();
    const { redis, server, at } = stage;
    const first = await writeFirst(stage);
    await askEverything(stage, first, '먼저');
    await redis.current().kill();
    const since = performance.now();
    const statuses = new Map<number, number>();
    let longest = 0;
    const askAll = async (key: string) => {
      const start = performance.now();
      // But for readiness, which is asked of Redis twice a second.
      for (const { status } of (await askEverything(stage, first, key)).slice(0, -1)) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      longest = Math.max(longest, performance.now() - start);
    };
    let before = await measure(server.child.pid!);
    for (let i = 0; performance.now() - since < 10_000; i++) {
      // The first half is for warming up.
      if (performance.now() - since < 5000) before = await measure(server.child.pid!);
      await Promise.all([askAll(`없을 때 ${i % 3}`), askAll(`없을 때 ${i % 3}`), delay(150)]);
    }
    expect((await ask(at('/readyz'), {})).status).toBe(503);
    const after = await measure(server.child.pid!);
    await redis.again();
    const took = await expectReady(at(''), WHOLE_AGAIN);
    console.log(
      `Redis gone for 10 s: ${[...statuses].map(([status, count]) => `${count} times ${status}`)}, the longest after ${Math.round(longest)} ms, ready after ${took} ms, ${Math.round(after.memory - before.memory)} MiB more`,
    );
    expect([...statuses.keys()]).toEqual([503]);
    expect(longest).toBeLessThan(PATIENCE);
    expect(after.memory - before.memory).toBeLessThan(30);
    expect(after.files - before.files).toBeLessThan(30);
    // What was refused was not kept for later behind anybody's back.
    expect(await stage.person.stored()).toEqual(['먼저', '먼저 1', '먼저 2']);
    expect((await write(stage, '없을 때 0')).status).toBe(201);
  });

  test('has forgotten its scripts is given them again', async () => {
    const stage = await startStage();
    for (let i = 0; i < 5; i++) {
      await stage.admin.script('FLUSH');
      const answers = await Promise.all([
        write(stage, `글 ${i}`),
        ask(stage.at('/'), stage.person),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([201, 200]);
    }
    expect(await stage.person.stored()).toHaveLength(5);
  });

  test('asks for a password all at once is said to, and works again without a restart', async () => {
    const stage = await startStage();
    const { admin, at, wire } = stage;
    const { password } = stage.redis;
    await admin.config('SET', 'requirepass', 'another');
    wire.cut();
    await expect.poll(async () => (await write(stage, '막힌 글')).status).toBe(503);
    expect((await ask(at('/readyz'), {})).status).toBe(503);
    expect(stage.server.lines.join()).not.toContain(password);
    await admin.config('SET', 'requirepass', password);
    await expectReady(at(''), WHOLE_AGAIN);
    expect(await stage.person.stored()).toEqual([]);
    expect((await write(stage, '막힌 글')).status).toBe(201);
    expect(await stage.person.stored()).toEqual(['막힌 글']);
  });

  test('is loading its data is waited for, for no longer than it takes', async () => {
    // In µs for each element, so that it says at first that it will take a minute.
    const stage = await startStage({ 'key-load-delay': '250' });
    const { admin, redis, at, person } = stage;
    await writeFirst(stage);
    // So that there is something to load.
    const push =
      "for i = 1, 5000 do redis.call('RPUSH', 'load', string.rep('x', 300)) end return 1";
    for (let i = 0; i < 20; i++) await admin.eval(push, 0);
    await redis.current().kill();
    const loading = redis.again();
    const seen = new Set<number>();
    const watching = (async () => {
      let loaded = false;
      loading.then(() => {
        loaded = true;
      });
      while (!loaded) {
        seen.add((await ask(at('/memo'), person)).status);
        seen.add((await ask(at('/readyz'), {})).status);
        await delay(50);
      }
    })();
    const steward = connectTo(redis.url, { enableReadyCheck: false });
    const eta = async () => Number(/loading_eta_seconds:(\d+)/.exec(await steward.info())?.[1]);
    await expect.poll(eta, { timeout: 10_000 }).toBeGreaterThan(5);
    // Both of the server's connections have asked since, and been told so.
    let own = 0;
    const asked = async () => {
      const calls = /cmdstat_info:calls=(\d+)/.exec(await steward.info('commandstats'))?.[1];
      return Number(calls) - own++;
    };
    const before = await asked();
    await expect.poll(asked, { timeout: 5000 }).toBeGreaterThan(before + 1);
    await steward.config('SET', 'key-load-delay', '0');
    await Promise.all([loading, watching]);
    await expectReady(at(''), WHOLE_AGAIN);
    expect(seen).toContain(503);
    for (const status of seen) expect([200, 503]).toContain(status);
    expect((await write(stage, '다 읽은 뒤')).status).toBe(201);
    expect(await person.stored()).toEqual(['먼저', '다 읽은 뒤']);
  });
});

describe('a disk that is full', () => {
  /** A disk of four megabytes, which can be filled and made room on. */
  async function makeDisk() {
    const folder = await makeFolder();
    await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
    onTestFinished(async () => {
      await run('umount', ['--lazy', folder]);
    });
    const filler = join(folder, 'filler');
    return {
      folder,
      fill: () => writeFile(filler, Buffer.alloc(5 << 20)).catch(() => {}),
      makeRoom: () => rm(filler),
    };
  }
  test.skipIf(!canMount)('ends a Redis that syncs always, which loses nothing', async () => {
    const disk = await makeDisk();
    const { redis, server, person, at } = await startStage({}, disk.folder);
    const writers = startWriters([at('')], person);
    const { times } = writers.tally;
    await expect.poll(() => times.size).toBeGreaterThan(20);
    await disk.fill();
    await redis.current().exited;
    expect((await ask(at('/memo'), person)).status).toBe(503);
    await disk.makeRoom();
    await redis.again();
    await expectReady(at(''), WHOLE_AGAIN);
    const before = times.size;
    await expect.poll(() => times.size).toBeGreaterThan(before + 20);
    const tally = await writers.stop();
    const result = compare(tally, await person.stored());
    console.log(
      `the disk full, appendfsync always: ${result.acknowledged} acknowledged, ${result.lost.length} lost, ${result.doubled.length} doubled`,
    );
    expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
    expect([...tally.answers.keys()].toSorted()).toEqual([201, 503]);
    expect(server.child.exitCode).toBeNull();
  });

  test.skipIf(!canMount)(
    'stops writing, and not reading, where Redis syncs every second',
    async () => {
      const disk = await makeDisk();
      const stage = await startStage({ appendfsync: 'everysec' }, disk.folder);
      const { person, at } = stage;
      await writeFirst(stage);
      await disk.fill();
      const texts = Array.from({ length: 200 }, (_, i) => `${i} ${'글'.repeat(5000)}`);
      let stored = 0;
      let refused = await write(stage, texts[0]!, '0');
      while (refused.status === 201) refused = await write(stage, texts[++stored]!, String(stored));
      expect(refused.status).toBe(503);
      expect(refused.headers.get('Retry-After')).toBe('2');
      await expect.poll(async () => (await ask(at('/readyz'), {})).status).toBe(503);
      expect((await ask(at('/memo'), person)).status).toBe(200);
      expect((await ask(at('/'), person, { headers: { Accept: 'text/html' } })).text).toContain(
        '먼저',
      );
      await disk.makeRoom();
      await expectReady(at(''), WHOLE_AGAIN);
      expect((await write(stage, texts[stored]!, String(stored))).status).toBe(201);
      expect(await person.stored()).toEqual(['먼저', ...texts.slice(0, stored + 1)]);
    },
  );
});
