/** Writes the tables of docs/performance.md. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COLUMNS, type Figure, type Run, toCells } from './figures.ts';

const FILE = join(import.meta.dirname, '../../docs/performance.md');
const REGION = /(?<=^<!-- bench:begin -->\n)[\s\S]*(?=^<!-- bench:end -->$)/m;

/** Units of diagnostic figures, which are only in the JSON file. */
const LEFT_OUT = /^(?:CPU share|Redis CPU .*)$/;

/** Replaces the tables between the two comments in docs/performance.md by those of a run. */
export async function updateReport(run: Run, file = FILE): Promise<void> {
  const text = await readFile(file, 'utf8');
  if (!REGION.test(text)) throw new Error(`${file} has no region for the benchmark's tables`);
  await writeFile(
    file,
    text.replace(REGION, () => `\n${formatReport(run)}\n`),
  );
}

/** A Markdown section for each Node: date, commit, machine, and a table. */
function formatReport(run: Run): string {
  const { date, commit, cores, cpu, memory, redis, rounds, seconds, load } = run;
  const measured = [
    `Measured on ${date.slice(0, 10)} at commit ${commit.replace(/^(\w{7})\w*/, '$1')}:`,
    `${cores} × ${cpu}, ${memory}; Redis ${redis}; ${rounds} rounds of ${seconds} s; load before ${load}.`,
  ].join('\n');
  return run.nodes
    .map((node) => {
      const figures = run.figures.filter((it) => it.node === node && !LEFT_OUT.test(it.unit));
      return `### Node ${node.slice(1)}\n\n${measured}\n\n${formatMarkdown(figures)}\n`;
    })
    .join('\n');
}

function formatMarkdown(figures: Figure[]): string {
  const rule = COLUMNS.map((_, i) => (i < 2 ? '---' : '--:'));
  const lines = [COLUMNS, rule, ...figures.map(toCells)];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
