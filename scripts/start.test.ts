/** `npm start` and `npm run dev` in a copy of the checkout, run by npm. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, type TestContext, test } from 'vitest';
import { findFreePort, findRedis } from './redis.ts';

const ROOT = resolve(import.meta.dirname, '..');
const TSX = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
/** For a build or a start on a busy machine, in ms. */
const PATIENCE = 20_000;

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'memo-start-'));
  await findRedis(); // may unpack one: the concurrent tests must not do that at the same time
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** A copy of the checkout, in which only one test builds. */
async function clone(): Promise<string> {
  const folder = await mkdtemp(join(home, 'clone-'));
  for (const name of ['package.json', 'tsconfig.json', 'src', 'scripts']) {
    await cp(join(ROOT, name), join(folder, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

interface Process {
  pid: number;
  parent: number;
  command: string;
}

/** The processes of this machine, without zombies. */
async function listProcesses(): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = pids.map(async (pid) => {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const [stat, command] = [await read('stat'), await read('cmdline')];
    const [, state, parent] = /^\d+ \(.*\) (\S) (\d+) /s.exec(stat) ?? [];
    if (!state || state === 'Z') return [];
    return [{ pid: Number(pid), parent: Number(parent), command: command.replaceAll('\0', ' ') }];
  });
  return (await Promise.all(all)).flat();
}

/** Runs a command in its own process group, as a terminal does. */
async function run(
  { expect, onTestFinished }: TestContext,
  folder: string,
  command: string,
  ...args: string[]
) {
  const port = await findFreePort();
  const child: ChildProcess = spawn(command, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: home, PORT: String(port), npm_config_update_notifier: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const known: Process[] = [];
  const job = {
    child,
    port,
    exited,
    output: '',
    /** Resolves when the output matches. */
    printed: (pattern: RegExp) =>
      expect.poll(() => job.output, { timeout: 2 * PATIENCE }).toMatch(pattern),
    /** The process and all its descendants, parents before children. */
    async tree(): Promise<Process[]> {
      const processes = await listProcesses();
      const found = processes.filter(({ pid }) => pid === child.pid);
      for (const { pid } of found) found.push(...processes.filter((it) => it.parent === pid));
      known.push(...found);
      return found;
    },
    /** Ctrl-C: a terminal sends SIGINT to the whole group. */
    interrupt: () => process.kill(-child.pid!, 'SIGINT'),
  };
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (data) => {
      job.output += data;
    });
  }
  onTestFinished(async () => {
    await job.tree();
    // Orphans are no longer in the tree.
    for (const { pid, command } of await listProcesses()) {
      if (!known.some((it) => it.pid === pid && it.command === command)) continue;
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // The process has just ended, with its parent.
      }
    }
  });
  return job;
}

const READY = /^memo {3}http:/m;

/** Asserts that these processes end and that the port is free. */
async function expectGone({ expect }: TestContext, tree: Process[], port: number): Promise<void> {
  const left = async () => {
    const alive = new Set((await listProcesses()).map(({ pid }) => pid));
    return tree.filter(({ pid }) => alive.has(pid)).map(({ command }) => command);
  };
  await expect.poll(left, { timeout: PATIENCE }).toEqual([]);
  const server = createServer().listen(port);
  await once(server, 'listening');
  server.close();
}

const COMMANDS: Record<string, [string, ...string[]]> = {
  'npm start': ['npm', 'start'],
  'npm run dev': ['npm', 'run', 'dev'],
  'tsx scripts/start.ts': [process.execPath, TSX, 'scripts/start.ts'],
};

// Linux only: the tests read processes from /proc.
describe
  .skipIf(process.platform !== 'linux')
  .concurrent('the processes of npm start and npm run dev', { timeout: 120_000 }, () => {
    test.for(Object.entries(COMMANDS))(
      'all end when any ancestor of the server is killed: %s',
      async ([, command], context) => {
        const { expect } = context;
        const folder = await clone();
        for (let level = 0, levels = 1; level < levels; level++) {
          const job = await run(context, folder, ...command);
          await job.printed(READY);
          const tree = await job.tree();
          const find = (pattern: RegExp) => tree.filter((it) => pattern.test(it.command));
          expect(find(/dist\/index\.js/)).toHaveLength(1);
          expect(find(/redis-server|valkey-server/)).not.toEqual([]);
          // From npm to the parent of the server.
          const above: Process[] = [];
          let [next] = find(/dist\/index\.js/);
          while (next?.pid !== job.child.pid) {
            next = tree.find(({ pid }) => pid === next!.parent);
            above.unshift(next!);
          }
          levels = above.length;
          process.kill(above[level]!.pid, 'SIGKILL');
          await expectGone(context, tree, job.port);
          // The server was not killed, but has shut down in order.
          expect(job.output).toContain('"msg":"stopped"');
        }
      },
    );

    test('restart the server after every change, also after a change that fixes an error', async (context) => {
      const { expect } = context;
      const folder = await clone();
      const [script, file] = [
        join(folder, 'src/client/app.ts'),
        join(folder, 'src/client/style.css'),
      ];
      const [right, style] = [await readFile(script, 'utf8'), await readFile(file, 'utf8')];
      await writeFile(script, 'const = half a sentence');
      const job = await run(context, folder, 'npm', 'run', 'dev');
      await job.printed(/ERROR/);
      await writeFile(script, right);
      for (const colour of ['teal', 'tomato']) {
        await writeFile(file, `${style}\n.changed { color: ${colour} }`);
        const read = async () => {
          const page = await fetch(`http://localhost:${job.port}/`).then((it) => it.text());
          const [, path] = /href="([^"]+\.css)"/.exec(page)!;
          return fetch(`http://localhost:${job.port}${path}`).then((it) => it.text());
        };
        await expect
          .poll(() => read().catch(() => ''), { timeout: 2 * PATIENCE })
          .toContain(`.changed{color:${colour}}`);
      }
      await job.printed(READY);
    });

    test('all end on Ctrl-C without an error, and the server shuts down once', async (context) => {
      const { expect } = context;
      const job = await run(context, await clone(), 'npm', 'start');
      await job.printed(READY);
      const tree = await job.tree();
      job.interrupt();
      await expectGone(context, tree, job.port);
      expect(await job.exited).toBe(0);
      expect(job.output.match(/"msg":"(?:stopping|stopped)"/g)).toHaveLength(2);
      expect(job.output).not.toMatch(/error/i);
    });

    test('all end on Ctrl-C while the build fails and no server runs', async (context) => {
      const folder = await clone();
      await writeFile(join(folder, 'src/index.ts'), 'const = half a sentence');
      const job = await run(context, folder, 'npm', 'run', 'dev');
      await job.printed(/ERROR/);
      const tree = await job.tree();
      job.interrupt();
      await expectGone(context, tree, job.port);
    });
  });
