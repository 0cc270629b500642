/** The documents: their links lead somewhere, and they say what the product does. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readConfig } from '../src/config.ts';
import { serverOptions } from './build.ts';

const ROOT = resolve(import.meta.dirname, '..');
const read = (file: string) => readFile(join(ROOT, file), 'utf8');

/** The files in a folder and below it, by their paths from the root. */
async function list(folder: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(ROOT, join(parentPath, name)));
}

const DOCUMENTS = [
  'README.md',
  'CHANGELOG.md',
  ...[...(await list('docs')), ...(await list('.github'))].filter((file) => file.endsWith('.md')),
];

/** Without what is shown as code: a link in it is none. */
const withoutCode = (markdown: string) =>
  markdown
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/`[^`\n]*`/g, (code) => '`'.repeat(code.length));

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of markdown
    .replace(/^```[\s\S]*?^```$/gm, '')
    .matchAll(/^#+ (.+)$/gm)) {
    const base = heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = base;
    for (let i = 1; anchors.has(anchor); i++) anchor = `${base}-${i}`;
    anchors.add(anchor);
  }
  return anchors;
}

test.for(DOCUMENTS)('every link of %s leads to a file and a heading that exist', async (file) => {
  const targets = withoutCode(await read(file)).matchAll(/\]\(<?([^)\s>]+)>?\)/g);
  const broken: string[] = [];
  for (const [, target = ''] of targets) {
    if (/^\w+:/.test(target)) continue;
    const [path = '', anchor] = target.split('#');
    const to = path === '' ? file : relative(ROOT, resolve(ROOT, dirname(file), path));
    const isThere =
      !to.startsWith('..') &&
      existsSync(join(ROOT, to)) &&
      (anchor === undefined || anchorsOf(await read(to)).has(decodeURIComponent(anchor)));
    if (!isThere) broken.push(target);
  }
  expect(broken).toEqual([]);
});

test('the README is read in a few minutes: 150 lines at most', async () => {
  expect((await read('README.md')).trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

test('the README has every environment variable that the server reads, and no other', async () => {
  const given: Record<string, string> = {
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://example.com/memo',
    REDIS_URL: 'redis://localhost',
    NAVER_CLIENT_ID: 'id',
    NAVER_CLIENT_SECRET: 'secret',
  };
  const asked = new Set<string>();
  const env = new Proxy(given, {
    get(target, name: string) {
      asked.add(name);
      return target[name];
    },
  });
  readConfig(env);
  const table = /^## Configuration$[\s\S]*?(?=^## )/m.exec(await read('README.md'))![0];
  const firstCells = Array.from(table.matchAll(/^\| (`.*?) \|/gm), ([, cell]) => cell!);
  const listed = firstCells.flatMap((cell) =>
    Array.from(cell.matchAll(/`(\w+)`/g), ([, it]) => it!),
  );
  expect(listed.sort()).toEqual([...asked].sort());
});

test('what the documents quote of the pages is what the pages say', async () => {
  const sources = (await list('src')).filter((file) => file.endsWith('.ts'));
  const said = (await Promise.all(sources.map(read))).join('\n');
  const unknown: string[] = [];
  for (const file of DOCUMENTS) {
    for (const [, quote = ''] of (await read(file)).matchAll(/“([^”]*[가-힣][^”]*)”/g)) {
      if (!said.includes(quote)) unknown.push(`${file}: ${quote}`);
    }
  }
  expect(unknown).toEqual([]);
});

test('the lowest Node is the same wherever it is named', async () => {
  const { engines, devDependencies } = JSON.parse(await read('package.json'));
  const floor = (await read('.nvmrc')).trim();
  expect(engines.node).toBe(`>=${floor}`);
  expect(serverOptions.target).toBe(`node${floor}`);
  expect(devDependencies['@types/node']).toMatch(new RegExp(`^${floor.split('.')[0]}\\.`));
  const readme = await read('README.md');
  expect(readme).toContain(`Node ${floor} or later`);
  expect(readme).toContain(`Node ${floor} 이상`);
  expect(await read('.github/CONTRIBUTING.md')).toContain(`Node ${floor} or later`);
});

test('the list of decisions has each of them, with its own title', async () => {
  const listed = await read('docs/decisions/README.md');
  const decisions = (await list('docs/decisions')).filter((file) => /\/\d{4}-/.test(file));
  expect(decisions).not.toEqual([]);
  for (const file of decisions) {
    const title = /^# (.+)$/m.exec(await read(file))![1];
    expect(listed).toContain(`| [${title}](${relative('docs/decisions', file)}) |`);
  }
});
