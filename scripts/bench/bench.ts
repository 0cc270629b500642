/**
 * `npm run bench [file]`: measures the speed and the memory of the built server, and compares it with a
 * floor, a server that does as little as possible (floor.ts). A private Redis, the servers and the load
 * generator are processes on this machine. Linux only.
 *
 *   --only page,append   only these rows
 *   --rounds 5           measurements of each row, alternating with its reference
 *   --seconds 2          duration of each measurement
 *   --compare old.json   also prints the figures of an earlier run
 *   --node /usr/bin/node the Node of the servers, can be repeated; by default this Node and the image's
 *
 * Prints a table for each Node, and writes all figures, with the value of each round, to the file
 * (`dist/bench.json`). The main figure is CPU time per request: other programs affect it least. A run of all
 * rows also rewrites the tables of docs/performance.md.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { Redis } from 'ioredis';
import { serverOptions, writeAssets, writeCompileCache } from '../build.ts';
import { NODE_MAJOR } from '../node-options.ts';
import { startRedis } from '../redis.ts';
import { type Figure, formatTable, type Run } from './figures.ts';
import { longListRows } from './long-lists.ts';
import { processRows } from './process.ts';
import { updateReport } from './report.ts';
import type { Bench, Row } from './row.ts';
import { findImageNode, startLoader, startMemo } from './servers.ts';
import { speedRows } from './speed.ts';

const ROWS: Record<string, Row> = { ...speedRows, ...longListRows, ...processRows };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    compare: { type: 'string' },
    node: { type: 'string', multiple: true },
  },
});
const names = values.only?.split(',') ?? Object.keys(ROWS);
for (const name of names) {
  if (!(name in ROWS)) throw new Error(`no row ${name}: there are ${Object.keys(ROWS).join(', ')}`);
}
const isImageNode = process.version.startsWith(`v${NODE_MAJOR}.`);
const programs =
  values.node ?? (isImageNode ? [process.execPath] : [process.execPath, findImageNode()]);
const nodes = programs.map((program) => ({
  program,
  version: execFileSync(program, ['--version'], { encoding: 'utf8' }).trim(),
}));
const output = resolve(positionals[0] ?? 'dist/bench.json');
const before = values.compare && JSON.parse(await readFile(values.compare, 'utf8'));

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(1)); // the exit handlers end the children
}

// Other programs on this machine affect every figure, so their load is reported.
const load = loadavg()[0]!;

await writeAssets();
await build(serverOptions);
for (const { program } of nodes) await writeCompileCache(program);
// Bundled like the server: only the bundler can import Lua.
for (const [entry, name] of [
  ['scripts/bench/floor.ts', 'floor.js'],
  ['src/store/sessions.ts', 'sessions.js'],
] as const) {
  await build({ ...serverOptions, entryPoints: [entry], outfile: `dist/bench/${name}` });
}
const bundle = resolve(import.meta.dirname, '../../dist/bench/sessions.js');
const { createSessionStore }: typeof import('../../src/store/sessions.ts') = await import(bundle);

const work = await mkdtemp(join(tmpdir(), 'memo-bench-'));
process.once('exit', () => rmSync(work, { recursive: true, force: true }));
const privateRedis = await startRedis({ dir: join(work, 'redis') });
const redis = new Redis(privateRedis.url);
const sessions = createSessionStore(redis);
const figures: Figure[] = [];
try {
  // Without the disk; the row `append-aof` turns it on.
  await redis.config('SET', 'appendonly', 'no');
  const loader = startLoader();
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  const benches: Bench[] = [];
  for (const { program } of nodes) {
    const parts = { node: program, redis, sessions, privateRedis, loader, rounds, seconds, work };
    benches.push({ ...parts, memo: await startMemo(parts) });
  }
  for (const name of names) {
    for (const [i, bench] of benches.entries()) {
      const node = nodes[i]!.version;
      console.error(`${name} on Node ${node}…`);
      const measured = await ROWS[name]!(bench);
      figures.push(...measured.map((it) => ({ row: name, node, ...it })));
    }
  }
  loader.stop();
  for (const { memo } of benches) await memo.stop();
} finally {
  redis.disconnect();
  await privateRedis.stop();
}

const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
const run: Run = {
  date: new Date().toISOString(),
  commit: git('rev-parse', 'HEAD') + (git('status', '--porcelain') && ' and uncommitted changes'),
  cpu: cpus()[0]?.model.trim(),
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  load,
  nodes: nodes.map(({ version }) => version),
  redis: privateRedis.program.version,
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  figures,
};
await mkdir(dirname(output), { recursive: true });
await writeFile(output, `${JSON.stringify(run, null, 2)}\n`);
// A table must not mix the rows of two runs.
if (values.only === undefined) await updateReport(run);
console.log(`${run.date}, ${run.commit}
${run.cores} × ${run.cpu}, ${run.memory}; Redis ${run.redis}; load before ${load}`);
for (const { version } of nodes) {
  const its = figures.filter(({ node }) => node === version);
  console.log(`\nNode ${version}\n\n${formatTable(its, before?.figures)}`);
}
console.log(`
Medians of the rounds; a ratio is the median of the ratios of the rounds. If the CPU share of both servers
is well below 1, something else was the bottleneck, and CPU time says more than requests per second.
Written to ${output}`);
