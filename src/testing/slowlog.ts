/**
 * Holds the scripts to their limit: while one runs, Redis does nothing for anybody else. Redis itself
 * logs those that take longer (SLOWLOG), by the clock. On a busy machine that includes the time in
 * which Redis was ready to run and another process had its core, which the kernel counts
 * (`/proc/<pid>/schedstat`, https://docs.kernel.org/scheduler/sched-stats.html): that time is taken
 * off. Where there is no such file, the clock counts.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { PrivateRedis } from '../../scripts/redis.ts';

/** No script may take longer. */
const SCRIPT_MS = 50;

/** For a Redis that is watched. */
export const SLOWLOG = {
  'slowlog-log-slower-than': String(SCRIPT_MS * 1000),
  'slowlog-max-len': '1000',
};

/** How often the log is looked at: the closer it is known when a script ran, the less is taken off. */
const INTERVAL = 50; // ms

/** What the main thread of a process has had until now, in ms. */
interface Sample {
  at: number;
  running: number;
  waiting: number;
}

type Entry = [id: number, seconds: number, micros: number, args: string[]];

/**
 * Watches a Redis that was started with {@link SLOWLOG}, until `end`, which returns a line for each
 * script that was too slow.
 */
export function watchScripts({ url, pid }: PrivateRedis) {
  const redis = new Redis(url, {
    retryStrategy: () => INTERVAL,
    maxRetriesPerRequest: 0,
    commandTimeout: 1000,
    enableReadyCheck: false, // or tests that count who asks would count it
  });
  redis.on('error', () => {}); // it is stopped on purpose, perhaps
  const samples = [takeSample(pid)];
  let before = samples[0]!;
  const slow: string[] = [];
  let seen = -1;
  let hasEnded = false;

  async function look(): Promise<void> {
    const asking = takeSample(pid);
    samples.push(asking);
    const log = (await redis.slowlog('GET', 1000).catch(() => undefined)) as Entry[] | undefined;
    if (!log) return;
    const after = takeSample(pid);
    const unseen = log.filter(([id]) => id > seen);
    seen = log[0]?.[0] ?? seen;
    for (const [, , micros, args] of unseen) {
      if (!/^(eval|evalsha|fcall)(_ro)?$/i.test(args[0]!)) continue;
      // It ended since the last look, so all of it ran between these two samples.
      const took = micros / 1000;
      const start = samples.findLast(({ at }) => at <= before.at - took) ?? samples[0]!;
      const own = Math.min(took - (after.waiting - start.waiting), after.running - start.running);
      const line = `${took.toFixed()} ms, ${own.toFixed()} ms of its own: ${cut(args)}`;
      if (own >= SCRIPT_MS) slow.push(line);
    }
    before = asking;
  }

  const watching = (async () => {
    while (!hasEnded) {
      await look();
      await delay(INTERVAL, undefined, { ref: false });
    }
  })();

  return {
    async end(): Promise<string[]> {
      hasEnded = true;
      await watching;
      await look();
      redis.disconnect();
      return slow;
    },
  };
}

function takeSample(pid: number): Sample {
  const at = performance.now();
  try {
    const [running, waiting] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return { at, running: Number(running) / 1e6, waiting: Number(waiting) / 1e6 };
  } catch {
    return { at, running: at, waiting: 0 };
  }
}

const cut = (args: string[]) =>
  args
    .map((arg) => JSON.stringify(arg.slice(0, 60)))
    .join(' ')
    .slice(0, 500);
