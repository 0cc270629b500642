/** A search ends, whatever the query and the text are. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** A query, and a text of `count` times the same unit and an end. */
interface LongSearch {
  query: string;
  unit: string;
  count: number;
  end?: string;
}

/**
 * Searches in a child process with a limit of ten seconds of CPU time: an endless loop in this process
 * could not be interrupted, and the clock goes on while another process has the core.
 * @returns for each completed search, whether the text matches, and the ranges of the words
 */
async function searchInProcess(searches: LongSearch[]): Promise<unknown[]> {
  const script = `
    import { createSearch } from ${JSON.stringify(new URL('search.ts', import.meta.url))};
    for (const { query, unit, count, end = '' } of JSON.parse(process.argv.at(-1))) {
      const text = unit.repeat(count) + end;
      const search = createSearch(query);
      const finding = search.find(text);
      let step = finding.next();
      while (!step.done) step = finding.next();
      console.log(JSON.stringify([search.matches(text), step.value]));
    }
  `;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)('/bin/sh', [
    '-c',
    'ulimit -t 10; exec "$@"',
    'sh',
    process.execPath,
    ...args,
    JSON.stringify(searches),
  ]).catch((error: { stdout: string }) => error); // with its output until then
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line));
}

test('a long text is searched for long words within ten seconds of CPU time', async () => {
  const queries = ['가'.repeat(100), 'ㄱ'.repeat(100), '(a+)+$', '간'.repeat(99), 'ㄳ'.repeat(60)];
  const found = await searchInProcess(
    queries.map((query) => ({ query, unit: '가', count: 20_000 })),
  );
  const everywhere = [true, [[0, 20_000]]];
  const nowhere = [false, []];
  expect(found).toEqual([everywhere, everywhere, nowhere, nowhere, nowhere]);
});

test('a text of unordered combining marks only is searched within ten seconds of CPU time', async () => {
  const units = ['\u0316\u0301', '\u0f71\u0f72\u0301', '\uff9e\u0334'];
  const found = await searchInProcess(
    units.map((unit) => ({ query: '끝', unit, count: 150_000, end: '끝' })),
  );
  const lengths = units.map((unit) => 150_000 * unit.length);
  expect(found).toEqual(lengths.map((length) => [true, [[length, length + 1]]]));
});
