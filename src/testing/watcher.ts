/**
 * Somebody who does nothing but read, and how long they wait: a process of its own, so that what
 * the attackers do in the test's is not taken for the server's slowness.
 */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCpu, readDelay, readPeakMemory } from './process.ts';

/** Whom to watch, and what to ask. */
export interface Watch {
  port: number;
  /** the server's process */
  pid: number;
  /** its Redis's */
  redisPid: number;
  cookie: string;
  /** asked for in turn */
  paths: string[];
  /** between two requests, in ms */
  pause: number;
}

/** What somebody else got to see of an attack. */
export interface Seen {
  /** how often each answer came; 0: none */
  answers: Record<number, number>;
  /**
   * the longest that 99 of a hundred would have waited who came at any time, in ms: without the time
   * in which the machine was too busy, with the attackers and whatever else runs there, to let the
   * server or its Redis go on
   */
  p99: number;
  /** the longest wait of these, in ms */
  max: number;
  /** the longest wait by the clock, in ms */
  longest: number;
  /** the most memory that the server has ever held, in MiB */
  memory: number;
  /** the CPU time that the server took meanwhile, in ms */
  cpu: number;
}

/** Nobody waits longer for a page, in ms. */
const PATIENCE = 60_000;

const kept = new Agent({ keepAlive: true, maxSockets: 1 });

/** Asks once. @returns the status; 0: no answer */
function ask({ port, cookie }: Watch, path: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path,
      // Pages come by a connection of their own, as somebody's would who has just arrived.
      agent: path.startsWith('/memo') ? kept : false,
      headers: { Cookie: cookie, Accept: path.startsWith('/memo') ? '*/*' : 'text/html' },
      signal: AbortSignal.timeout(PATIENCE),
    });
    asked.on('error', () => resolve(0));
    asked.on('response', (answer) => {
      answer.on('error', () => resolve(0));
      answer.on('end', () => resolve(answer.complete ? answer.statusCode! : 0));
      answer.resume();
    });
    asked.end();
  });
}

/** How long all who take part in an answer have waited for the machine, in ms. */
async function readDelays({ pid, redisPid }: Watch): Promise<number> {
  const delays = await Promise.all([pid, redisPid, process.pid].map(readDelay));
  return delays.reduce((sum, it) => sum + it, 0);
}

let stopped = false;

async function watch(asked: Watch): Promise<Seen> {
  const seen: Seen = { answers: {}, p99: 0, max: 0, longest: 0, memory: 0, cpu: 0 };
  const waits: number[] = [];
  const before = await readCpu(asked.pid);
  for (let i = 0; !stopped || i === 0; i++) {
    const delayed = await readDelays(asked);
    const start = performance.now();
    const status = await ask(asked, asked.paths[i % asked.paths.length]!);
    const clock = performance.now() - start;
    const delay = Math.max(0, (await readDelays(asked)) - delayed);
    const wait = Math.max(0, clock - delay);
    seen.longest = Math.max(seen.longest, Math.round(clock));
    seen.answers[status] = (seen.answers[status] ?? 0) + 1;
    // Whoever had come during a long wait would have waited, too.
    for (let left = wait; left === wait || left > 0; left -= asked.pause) waits.push(left);
    seen.memory = Math.max(seen.memory, await readPeakMemory(asked.pid));
    seen.cpu = Math.max(seen.cpu, (await readCpu(asked.pid)) - before);
    if (i === 0) process.send!('started');
    await sleep(asked.pause);
  }
  waits.sort((a, b) => a - b);
  seen.p99 = Math.round(waits[Math.floor(waits.length * 0.99)]!);
  seen.max = Math.round(waits.at(-1)!);
  return seen;
}

process.on('message', async (message: Watch | 'stop') => {
  if (message === 'stop') {
    stopped = true;
    return;
  }
  stopped = false;
  process.send!(await watch(message));
});
process.on('disconnect', () => process.exit());
