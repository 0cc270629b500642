/** Behind a load balancer that keeps its connections: two servers, restarted in turn, under load. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { findFreePort } from '../scripts/redis.ts';
import { type Server, startServer } from './testing/server.ts';
import { ask, comeIn, compare, connectTo, startOwnRedis, startWriters } from './testing/stage.ts';

const CHECK = 200; // ms between health checks, where an ALB has seconds
const RATE = 5; // ms between requests

/** As an ALB: keeps idle connections, checks `/readyz`, sends nothing a second time. */
async function startBalancer(ports: number[]) {
  const healthy = new Set<number>();
  const agent = new Agent({ keepAlive: true, timeout: 60_000 });
  const check = async (port: number) => {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) healthy.add(port);
    else healthy.delete(port);
  };
  const checks = setInterval(() => ports.map(check), CHECK);
  let turn = 0;
  const balancer = createServer((incoming, outgoing) => {
    const targets = [...healthy];
    const port = targets[turn++ % targets.length];
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
  return { url: `http://127.0.0.1:${port}`, healthy };
}

test('not one request fails while both servers are restarted, and streams resume', {
  timeout: 60_000,
}, async () => {
  const redis = await startOwnRedis();
  const person = await comeIn(connectTo(redis.url));
  const ports = [await findFreePort(), await findFreePort()];
  const env = (port: number) => ({ REDIS_URL: redis.url, PORT: String(port), TRUST_PROXY: '1' });
  const servers = new Map<number, Server>();
  for (const port of ports) servers.set(port, await startServer(env(port)));
  const { url, healthy } = await startBalancer(ports);
  await expect.poll(() => healthy.size).toBe(2);

  const answers = new Map<string, number>();
  let asking = true;
  const load = (async () => {
    const pending: Promise<void>[] = [];
    while (asking) {
      for (const path of ['/memo?limit=5', '/']) {
        pending.push(
          ask(url + path, person).then(
            ({ status, text }) => {
              const what = status === 200 ? '200' : `${path} ${status} ${text.slice(0, 80)}`;
              answers.set(what, (answers.get(what) ?? 0) + 1);
            },
            (error) => void answers.set(String(error), 1),
          ),
        );
      }
      await delay(RATE);
    }
    await Promise.all(pending);
  })();
  const writers = startWriters([url], person, 2);

  // A reader of the stream, who comes back when it ends.
  let told = 0;
  let opened = 0;
  const leave = new AbortController();
  const listening = (async () => {
    while (!leave.signal.aborted) {
      try {
        const answer = await fetch(`${url}/memo/events`, {
          headers: { Cookie: person.cookie, Accept: 'text/event-stream' },
          signal: leave.signal,
        });
        if (!answer.ok) throw new Error(`${answer.status}`);
        opened++;
        for await (const chunk of answer.body!) {
          told += new TextDecoder().decode(chunk).split('event: changed').length - 1;
        }
      } catch {
        await delay(50);
      }
    }
  })();

  for (const port of ports) {
    await expect.poll(() => healthy.size, { timeout: 10_000 }).toBe(2);
    expect(await servers.get(port)!.stop('SIGTERM')).toBe(0);
    servers.set(port, await startServer(env(port)));
  }
  await expect.poll(() => healthy.size, { timeout: 10_000 }).toBe(2);
  const before = told;
  await expect.poll(() => told, { timeout: 10_000 }).toBeGreaterThan(before);
  asking = false;
  await load;
  const tally = await writers.stop();
  leave.abort();
  await listening;

  const result = compare(tally, await person.stored());
  const asked = [...answers.values()].reduce((sum, it) => sum + it, 0);
  console.log(
    `two servers restarted: ${asked} read, ${result.acknowledged} written, stream opened ${opened} times, ${told} changes told`,
  );
  expect([...answers.keys()]).toEqual(['200']);
  expect([...tally.answers.keys()]).toEqual([201]);
  expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
  expect(opened).toBeGreaterThan(1);
});
