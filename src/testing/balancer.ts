/** A load balancer that does what an ALB does, and rolling restarts behind it, under load. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { findFreePort } from '../../scripts/redis.ts';
import { type Server, startServer } from './server.ts';
import { ask, compare, connectTo, createPerson, startOwnRedis, startWriters } from './stage.ts';

/** Between two rounds of requests, in ms: a fixed rate, whatever becomes of them. */
const RATE = 25;

export interface BalancerOptions {
  /** between two health checks of a target, in ms */
  interval: number;
  /** until it does what it was told, in ms */
  propagation: number;
  /** for how long servers accept connections after SIGTERM, in s; 5 by default */
  grace?: number;
}

/**
 * As an ALB: keeps idle connections for 60 s and sends nothing a second time. A target is used from
 * its first good check on, until two in a row were bad, or it is told to let it go.
 */
async function startBalancer({ interval, propagation }: BalancerOptions) {
  const targets = new Map<number, { bad: number; used: boolean }>();
  const agent = new Agent({ keepAlive: true, timeout: 60_000 });
  const check = async (port: number) => {
    const signal = AbortSignal.timeout(5000);
    const good = await fetch(`http://127.0.0.1:${port}/readyz`, { signal }).then(
      (answer) => answer.ok,
      () => false,
    );
    const target = targets.get(port);
    if (!target) return;
    target.bad = good ? 0 : target.bad + 1;
    if (good) target.used = true;
    if (target.bad >= 2) target.used = false;
  };
  const checks = setInterval(() => [...targets.keys()].map(check), interval);
  const healthy = () => [...targets].filter(([, { used }]) => used).map(([port]) => port);
  let turn = 0;
  // As towards the targets, an ALB keeps idle connections for 60 s.
  const balancer = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
    const ports = healthy();
    const port = ports[turn++ % ports.length];
    if (port === undefined) {
      outgoing.writeHead(503).end('no target');
      return;
    }
    const { method, url, headers } = incoming;
    const forwarded = { ...headers, 'x-forwarded-for': '203.0.113.9' };
    const onward = request({ agent, port, path: url, method, headers: forwarded });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.rawHeaders);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', (error) => {
      if (!outgoing.headersSent) outgoing.writeHead(502);
      outgoing.end(String(error));
    });
    incoming.pipe(onward);
  }).listen(0);
  await once(balancer, 'listening');
  onTestFinished(() => {
    clearInterval(checks);
    agent.destroy();
    balancer.close();
    balancer.closeAllConnections();
  });
  const { port } = balancer.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    healthy,
    async register(port: number) {
      targets.set(port, { bad: 0, used: false });
      await check(port);
    },
    /** Sends nothing new to it, in a while. */
    deregister(port: number) {
      const timer = setTimeout(() => targets.delete(port), propagation);
      onTestFinished(() => clearTimeout(timer));
    },
  };
}

/**
 * Asks for the page and the list at a fixed rate.
 * @param people ask in turn, as each has few requests under way
 * @returns counts by what came of it, at the end
 */
function startReaders(url: string, people: { cookie: string }[]) {
  let asked = 0;
  const answers = new Map<string, number>();
  const count = (what: string) => answers.set(what, (answers.get(what) ?? 0) + 1);
  const pending = new Set<Promise<unknown>>();
  const timer = setInterval(() => {
    for (const path of ['/memo?limit=5', '/']) {
      const asking = ask(url + path, people[asked++ % people.length]!)
        .then(
          ({ status, text }) => count(status === 200 ? '200' : `${path} ${status} ${text}`),
          (error) => count(`${path} ${error} ${error.cause}`),
        )
        .finally(() => pending.delete(asking));
      pending.add(asking);
    }
  }, RATE);
  onTestFinished(() => clearInterval(timer));
  return async () => {
    clearInterval(timer);
    await Promise.all(pending);
    return answers;
  };
}

/** Reads the stream of events as a browser does: it comes back when it ends. */
function startListener(url: string, { cookie }: { cookie: string }) {
  const seen = { opened: 0, told: 0 };
  const leave = new AbortController();
  const listening = (async () => {
    while (!leave.signal.aborted) {
      try {
        const answer = await fetch(`${url}/memo/events`, {
          headers: { Cookie: cookie, Accept: 'text/event-stream' },
          signal: leave.signal,
        });
        if (!answer.ok) throw new Error(`${answer.status}`);
        seen.opened++;
        for await (const chunk of answer.body!) {
          seen.told += new TextDecoder().decode(chunk).split('event: changed').length - 1;
        }
      } catch {
        await delay(50);
      }
    }
  })();
  const stop = () => {
    leave.abort();
    return listening;
  };
  onTestFinished(stop);
  return { seen, stop };
}

/**
 * Two servers, restarted in turn while readers and writers go on and one listens: not a request may
 * fail, nothing may be lost, and the stream comes back each time.
 */
export async function expectRestartsUnseen(restarts: number, options: BalancerOptions) {
  const redis = await startOwnRedis();
  const admin = connectTo(redis.url);
  const person = await createPerson(admin);
  const readers = await Promise.all(Array.from({ length: 10 }, () => createPerson(admin)));
  const ports = [await findFreePort(), await findFreePort()];
  const env = (port: number) => ({
    REDIS_URL: redis.url,
    PORT: String(port),
    TRUST_PROXY: '1',
    ...(options.grace !== undefined && { SHUTDOWN_DELAY: String(options.grace) }),
  });
  const { url, healthy, register, deregister } = await startBalancer(options);
  const servers = new Map<number, Server>();
  for (const port of ports) {
    servers.set(port, await startServer(env(port)));
    await register(port);
  }
  expect(healthy()).toHaveLength(2);

  const stopReaders = startReaders(url, [person, ...readers]);
  const writers = startWriters([url], person, 2, RATE);
  const { seen, stop } = startListener(url, person);
  const expectTold = async () => {
    const before = seen.told;
    await expect.poll(() => seen.told, { timeout: 10_000 }).toBeGreaterThan(before);
  };
  for (let i = 0; i < restarts; i++) {
    const port = ports[i % 2]!;
    await expectTold();
    deregister(port);
    expect(await servers.get(port)!.stop('SIGTERM')).toBe(0);
    servers.set(port, await startServer(env(port)));
    await register(port);
    await expect.poll(() => healthy().length, { timeout: 30_000 }).toBe(2);
  }
  await expectTold();
  const answers = await stopReaders();
  const tally = await writers.stop();
  await stop();

  const result = compare(tally, await person.stored());
  const asked = [...answers.values()].reduce((sum, it) => sum + it, 0);
  console.log(
    `${restarts} restarts: ${asked} read, ${result.acknowledged} written, stream opened ${seen.opened} times, ${seen.told} changes told`,
  );
  expect([...answers.keys()]).toEqual(['200']);
  expect([...tally.answers.keys()]).toEqual([201]);
  expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
  expect(seen.opened).toBeGreaterThan(1);
}
