/**
 * The load generator's process. Two kinds of load:
 * - saturating: autocannon's closed loop. Each connection sends its next request after the response to the
 *   last. For requests per second and CPU time per request.
 * - at a rate: an open loop. Requests come at random times (a Poisson process), whether or not earlier ones
 *   have a response, as from people. For latencies. Not by autocannon, which sends a rate as one burst at
 *   the start of each second, and measures whole milliseconds.
 */
import { Agent, request as send } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import { percentile } from './figures.ts';
import { freshen, type Request, UNIQUE } from './request.ts';

export interface Job {
  origin: string;
  /** saturating: distributed over the connections; at a rate: one after another */
  requests: Request[];
  /** consecutive requests that one connection sends in order; default 1 */
  steps?: number;
  /** saturating only */
  connections?: number;
  /** saturating only: ends after this many requests, not after `seconds` */
  amount?: number;
  /** requests per second; undefined: saturating */
  rate?: number;
  seconds: number;
}

export interface Done {
  /** responses with 2xx */
  requests: number;
  seconds: number;
  /** failed requests, and responses with other statuses */
  failed: number;
  /** ms; only at a rate */
  p99: number;
}

/** Timers can be late by this, in ms; the server is not to blame for it. */
const TIMER = 2;

async function saturate({ origin, requests, steps = 1, connections = 1, amount, seconds }: Job) {
  let opened = 0;
  const result = await autocannon({
    url: origin,
    connections,
    ...(amount === undefined ? { duration: seconds } : { amount }),
    timeout: 60,
    // Each connection repeats its share of the requests.
    setupClient: (client) => {
      const own = opened++ % Math.min(connections, requests.length / steps);
      const share = requests.filter((_, i) => Math.floor(i / steps) % connections === own);
      client.setRequests(share.map(toAutocannon));
    },
  });
  const failed = result.errors + result.non2xx;
  return { requests: result['2xx'], seconds: result.duration, failed, p99: 0 };
}

function toAutocannon(request: Request): autocannon.Request {
  const { body } = request;
  // autocannon rebuilds a request with a function each time.
  const renewed = body?.includes(UNIQUE) && {
    setupRequest: (it: autocannon.Request) => ({ ...it, body: freshen(body) }),
  };
  return { ...request, ...renewed } as autocannon.Request;
}

async function sendAtRate({ origin, requests, rate = 1, seconds }: Job): Promise<Done> {
  const agent = new Agent({ keepAlive: true });
  const latencies: number[] = [];
  const running = new Set<Promise<void>>();
  let failed = 0;
  const begin = performance.now();
  const end = begin + seconds * 1000;
  let due = begin;
  for (let i = 0; due < end; i++) {
    while (performance.now() < due) await sleep(1);
    const { method, path, headers, body: pattern = '' } = requests[i % requests.length]!;
    const body = freshen(pattern);
    // If this process is late, the request counts from the time when it was due.
    const start = performance.now() - due > TIMER ? due : performance.now();
    const done = new Promise<void>((resolve) => {
      const fail = () => {
        failed++;
        resolve();
      };
      const length = body ? { 'Content-Length': Buffer.byteLength(body) } : {};
      send(origin + path, { agent, method, headers: { ...headers, ...length } }, (response) => {
        response.resume();
        response.once('error', fail);
        response.once('end', () => {
          if (response.statusCode! >= 300) return fail();
          latencies.push(performance.now() - start);
          resolve();
        });
      })
        .once('error', fail)
        .end(body);
    }).finally(() => running.delete(done));
    running.add(done);
    due += (-Math.log(1 - Math.random()) * 1000) / rate;
  }
  await Promise.all(running);
  agent.destroy();
  return {
    requests: latencies.length,
    seconds: (performance.now() - begin) / 1000,
    failed,
    p99: percentile(latencies, 0.99),
  };
}

process.on('message', async ({ id, job }: { id: number; job: Job }) => {
  const reply = await (job.rate === undefined ? saturate(job) : sendAtRate(job)).then(
    (done) => ({ id, done }),
    (error: Error) => ({ id, error: error.message }),
  );
  process.send!(reply);
});
process.once('disconnect', () => process.exit());
