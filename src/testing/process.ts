/** What the system tells of a process. */
import { readFile } from 'node:fs/promises';

/** The most memory that a process has held so far, in MiB; 0 when it is gone. */
export async function readPeakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
}

/** The CPU time that a process has taken so far, with all its threads, in ms; 0 when it is gone. */
export async function readCpu(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // Behind the name, which may have spaces, user and system time are the 12th and 13th, in 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' ? 0 : (Number(fields[11]) + Number(fields[12])) * 10;
}

/**
 * How long the main thread of a process was ready to run, and had to wait until another process gave
 * a core away, in ms (https://docs.kernel.org/scheduler/sched-stats.html); 0 when nothing tells.
 */
export async function readDelay(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '');
  return Number(stat.split(' ')[1] ?? 0) / 1e6;
}
