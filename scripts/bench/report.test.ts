import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Figure, figure, type Run } from './figures.ts';
import { updateReport } from './report.ts';

const figures: Figure[] = [
  {
    row: 'append',
    node: 'v26.3.1',
    ...figure({
      what: 'POST /memo',
      unit: 'req/s',
      reference: [4000, 4400, 4200],
      memo: [3000, 3100, 3300],
      target: { of: 'ratio', least: 0.9 },
    }),
  },
  {
    row: 'append',
    node: 'v26.3.1',
    ...figure({ what: 'POST /memo', unit: 'CPU share', memo: [1] }),
  },
];

const run: Run = {
  date: '2026-11-28T05:31:21.264Z',
  commit: '0123456789abcdef0123456789abcdef01234567',
  cpu: 'AMD EPYC',
  cores: 2,
  memory: '24 GiB',
  load: 0.4,
  nodes: ['v26.3.1'],
  redis: '7.0.15',
  rounds: 3,
  seconds: 2,
  figures,
};

async function copyOf(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'memo-report-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'performance.md');
  await writeFile(file, text);
  return file;
}

test('a run of the benchmark replaces only the tables in docs/performance.md', async () => {
  const before = await readFile(resolve('docs/performance.md'), 'utf8');
  const file = await copyOf(before);
  await updateReport(run, file);
  const after = await readFile(file, 'utf8');
  const [head, old, tail] = before.split(/(?<=begin -->\n)|(?=<!-- bench:end)/);
  expect(after).not.toContain(old);
  expect(after).toBe(`${head}
### Node 26.3.1

Measured on 2026-11-28 at commit 0123456:
2 × AMD EPYC, 24 GiB; Redis 7.0.15; 3 rounds of 2 s; load before 0.4.

| what | unit | floor | memo | ratio | target | reached? |
| --- | --- | --: | --: | --: | --: | --: |
| POST /memo | req/s | 4200 | 3100 | 0.75 | ≥ 0.9 × | NO |

${tail}`);
  await updateReport(run, file);
  expect(await readFile(file, 'utf8')).toBe(after);
});

test('a document without a region for the tables is an error and is not overwritten', async () => {
  const file = await copyOf('# Performance\n');
  await expect(updateReport(run, file)).rejects.toThrow('no region');
  expect(await readFile(file, 'utf8')).toBe('# Performance\n');
});
