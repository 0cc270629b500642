/** The log of a real process that writes to a pipe whose reader stalls. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const LOG = fileURLToPath(new URL('log.ts', import.meta.url));
const PATIENCE = { timeout: 20_000 };

/** For each input line N, logs N lines of a kilobyte and 20 short ones. Exits at the end of the input. */
const WRITER = `
  import { createInterface } from 'node:readline';
  const { createLog } = await import(${JSON.stringify(LOG)});
  const { log, end } = createLog('info');
  let n = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    for (let left = Number(line); left > 0; left--) log.info({ n: n++ }, 'x'.repeat(1000));
    // Fills the buffer until the shortest line does not fit.
    for (let left = 20; left > 0; left--) log.info({ n: n++ }, '');
    console.error('wrote ' + n);
  }
  await end();
  console.error('ended');
  process.exit();
`;

/** Pipes the writer's output to `cat`, after printing the process id of `cat`. */
const SCRIPT = `"$0" --import tsx --input-type=module --eval "$1" | sh -c 'echo reader $$ >&2; exec cat'`;

interface Line {
  level: number;
  msg: string;
  n?: number;
  dropped?: number;
}

async function startWriter() {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, process.execPath, WRITER], { detached: true });
  onTestFinished(() => {
    if (shell.exitCode === null) process.kill(-shell.pid!, 'SIGKILL');
  });
  let [output, said, total] = ['', '', 0];
  shell.stdout.on('data', (data) => {
    output += data;
  });
  shell.stderr.on('data', (data) => {
    said += data;
  });
  const says = (pattern: RegExp) => expect.poll(() => said, PATIENCE).toMatch(pattern);
  await says(/^reader \d+$/m);
  const reader = Number(/^reader (\d+)$/m.exec(said)![1]);
  return {
    stall: () => process.kill(reader, 'SIGSTOP'),
    goOn: () => process.kill(reader, 'SIGCONT'),
    /** Logs some more lines. */
    async write(count: number): Promise<void> {
      total += count + 20;
      shell.stdin.write(`${count}\n`);
      await says(new RegExp(`^wrote ${total}$`, 'm'));
    },
    /** Closes the input; resolves when `end` of the log has resolved. */
    async end(): Promise<void> {
      shell.stdin.end();
      await says(/^ended$/m);
    },
    /** The lines that the reader has received. */
    read: (): Line[] =>
      output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
  };
}

test('lines are dropped while the reader stalls, and their number is logged when it reads again', async () => {
  const writer = await startWriter();
  const warnings = () => writer.read().filter(({ level }) => level === 40);
  const numbers = () => writer.read().flatMap(({ n }) => n ?? []);
  let total = 0;
  for (const times of [1, 2]) {
    await writer.write(100);
    await expect.poll(() => numbers().at(-1), PATIENCE).toBe(total + 119);
    expect(warnings()).toHaveLength(times - 1);

    writer.stall();
    await writer.write(6000); // of which 4 MB are buffered
    writer.goOn();
    await expect.poll(() => warnings().length, PATIENCE).toBe(times);
    total += 6140;
  }
  await writer.end();

  const dropped = warnings().map((line) => line.dropped!);
  expect(warnings().map(({ msg }) => msg)).toEqual(Array(2).fill('log lines were dropped'));
  for (const count of dropped) expect(count).toBeGreaterThan(1500);
  // Every missing line is counted, and the count is logged before the lines that follow.
  await expect.poll(() => numbers().length, PATIENCE).toBe(total - dropped[0]! - dropped[1]!);
  const order = writer.read().map(({ n }) => n ?? 'warning');
  expect(order.indexOf('warning')).toBeLessThan(order.indexOf(6140));
});

test('a reader that stalls for good does not prevent the process from exiting', async () => {
  const writer = await startWriter();
  writer.stall();
  await writer.write(6000);
  await writer.end();
  writer.goOn();
});
