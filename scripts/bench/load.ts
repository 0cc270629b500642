/**
 * The process that makes load. Two kinds:
 * - saturating: autocannon's closed loop, each connection sends its next request when the last is
 *   answered. For requests a second and CPU time a request.
 * - at a rate: requests come at random moments (a Poisson process) whether or not those before are
 *   answered, as people do. For latencies. Not autocannon's: its rate comes as one burst at the
 *   start of each second, and it counts in whole milliseconds.
 */
import { Agent, request as send } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import { freshen, type Request, UNIQUE } from './ask.ts';
import { percentile } from './figures.ts';

export interface Job {
  origin: string;
  /** saturating: one for each connection in turn; at a rate: one after another */
  requests: Request[];
  /** so many of them that follow each other are made by one connection, in order; 1 unless given */
  steps?: number;
  /** saturating: how many; */
  connections?: number;
  /** saturating: ends after so many requests instead of `seconds` */
  amount?: number;
  /** requests a second; undefined: as many as are answered */
  rate?: number;
  seconds: number;
}

export interface Done {
  /** how many were answered with 2xx */
  requests: number;
  seconds: number;
  /** requests that failed, or were answered otherwise */
  failed: number;
  /** ms; only at a rate */
  p99: number;
}

/** Timers are late by up to this, in ms; it is not the server that is slow then. */
const TIMER = 2;

async function saturate({ origin, requests, steps = 1, connections = 1, amount, seconds }: Job) {
  let opened = 0;
  const result = await autocannon({
    url: origin,
    connections,
    ...(amount === undefined ? { duration: seconds } : { amount }),
    timeout: 60,
    // Each connection makes its share of them in turn.
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
  // Whatever has a function is made anew each time.
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
    // Whoever comes while this process is held up is waiting already.
    const start = performance.now() - due > TIMER ? due : performance.now();
    const done = new Promise<void>((resolve) => {
      const fail = () => {
        failed++;
        resolve();
      };
      const length = body ? { 'Content-Length': Buffer.byteLength(body) } : {};
      send(origin + path, { agent, method, headers: { ...headers, ...length } }, (answer) => {
        answer.resume();
        answer.once('error', fail);
        answer.once('end', () => {
          if (answer.statusCode! >= 300) return fail();
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
  const answer = await (job.rate === undefined ? saturate(job) : sendAtRate(job)).then(
    (done) => ({ id, done }),
    (error: Error) => ({ id, error: error.message }),
  );
  process.send!(answer);
});
process.once('disconnect', () => process.exit());
