/** What is acknowledged is kept, once and in its order, whatever breaks in between. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findFreePort } from '../scripts/redis.ts';
import { type Fault, startFaultProxy } from './testing/fault-proxy.ts';
import { startServer } from './testing/server.ts';
import {
  ask,
  comeIn,
  compare,
  connectTo,
  expectReady,
  startOwnRedis,
  startWriters,
} from './testing/stage.ts';

/** The server, and Redis at the other end of a wire that can be bad. */
async function startStage(config: Record<string, string> = {}) {
  const redis = await startOwnRedis(config);
  const wire = await startFaultProxy(redis.port);
  const url = redis.url.replace(`:${redis.port}`, `:${wire.port}`);
  const server = await startServer({ REDIS_URL: url });
  const admin = connectTo(redis.url);
  const person = await comeIn(admin);
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

/** Every kind of request at once; each is answered in time, rightly. */
async function askEverything(stage: Stage, key: string) {
  const { at, person } = stage;
  const [id] = (await stage.admin.lrange(`user:${person.id}:memos`, 0, 0)).map(
    (memo) => JSON.parse(memo).id,
  );
  return Promise.all([
    ask(at('/'), person, { headers: { Accept: 'text/html' } }),
    ask(at('/memo'), person),
    ask(at('/memo?limit=5'), person),
    ask(at('/memo?q=x'), person),
    ask(at('/trash'), person),
    write(stage, `${key} 1`),
    write(stage, `${key} 2`),
    ask(at(`/memo/${id}`), person, { method: 'PATCH', body: { pin: true } }),
    ask(at('/readyz'), {}),
  ]);
}

describe('killed at any moment, with writers that do not give up,', () => {
  const ROUNDS = 15;
  const report = (what: string, result: ReturnType<typeof compare>) =>
    console.log(
      `${what}: ${ROUNDS} rounds, ${result.acknowledged} acknowledged, ${result.lost.length} lost, ${result.doubled.length} doubled`,
    );

  test('the server loses, doubles and disorders nothing', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const person = await comeIn(admin);
    const env = { REDIS_URL: redis.url, PORT: String(await findFreePort()) };
    let server = await startServer(env);
    const writers = startWriters([`http://127.0.0.1:${env.PORT}`], person);
    for (let round = 0; round < ROUNDS; round++) {
      await delay(Math.random() * 150);
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
      await delay(Math.random() * 200);
      await redis.current().kill();
      await redis.again();
    }
    await expectReady(`http://127.0.0.1:${server.port}`);
    const result = compare(await writers.stop(), await person.stored());
    report('Redis killed, appendfsync always', result);
    expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
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
    async (_, fault) => {
      const stage = await startStage();
      const { wire, server, person, at } = stage;
      expect((await write(stage, '먼저')).status).toBe(201);
      wire.set(fault);
      for (let i = 0; i < 2; i++) {
        for (const answer of await askEverything(stage, '사이')) {
          expect([200, 201, 503]).toContain(answer.status);
          if (answer.status === 503 && !answer.text.includes('"status":"unavailable"')) {
            expect(answer.headers.get('Retry-After') ?? 'readyz').toMatch(/^(\d+|readyz)$/);
          }
        }
      }
      wire.set({});
      await expectReady(at(''));
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
    for (let i = 0; i < 3; i++) {
      const answer = await write(stage, `글 ${i}`);
      expect([200, 201, 503]).toContain(answer.status);
    }
    stage.wire.set({});
    await expectReady(stage.at(''));
    for (let i = 0; i < 3; i++) expect((await write(stage, `글 ${i}`)).status).toBeLessThan(202);
    expect(await stage.person.stored()).toEqual(['글 0', '글 1', '글 2']);
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
    expect((await write(stage, '먼저')).status).toBe(201);
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
    await expectReady(at(''));
    for (const text of ['멈춘 동안', '언 동안']) {
      expect((await write(stage, text)).status).toBeLessThan(202);
    }
    expect((await stage.person.stored()).toSorted()).toEqual(
      ['멈춘 동안', '먼저', '언 동안'].toSorted(),
    );
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
    await expectReady(at(''));
    expect((await write(stage, '막힌 글')).status).toBe(201);
  });

  test('is loading its data is waited for', async () => {
    const stage = await startStage();
    const { admin, redis, at } = stage;
    // So that there is something to load.
    await admin.eval(
      "for i = 1, 300000 do redis.call('RPUSH', 'load', string.rep('x', 300)) end return 1",
      0,
    );
    await redis.current().kill();
    const again = redis.again();
    const seen = new Set<number>();
    let loaded = false;
    again.then(() => {
      loaded = true;
    });
    while (!loaded) seen.add((await ask(at('/memo'), stage.person)).status);
    for (const status of seen) expect([200, 503]).toContain(status);
    await expectReady(at(''));
    expect((await write(stage, '다 읽은 뒤')).status).toBe(201);
  });
});
