/** The documents: links, paths, quotations and lists agree with the repository. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readConfig } from '../src/config.ts';
import { serverOptions } from './build.ts';

const ROOT = resolve(import.meta.dirname, '..');
const read = (file: string) => readFile(join(ROOT, file), 'utf8');

/** The files below a folder, as paths from the root. */
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

const FENCED = /^```[\s\S]*?^```$/gm;

/** A document without its code, in which nothing is a link. */
const withoutCode = (markdown: string) =>
  markdown.replace(FENCED, '').replace(/`[^`\n]*`/g, (code) => '`'.repeat(code.length));

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of markdown.replace(FENCED, '').matchAll(/^#+ (.+)$/gm)) {
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

test.for(DOCUMENTS)('every link in %s leads to an existing file and heading', async (file) => {
  const targets = withoutCode(await read(file)).matchAll(/\]\(<?([^)\s>]+)>?\)/g);
  const broken: string[] = [];
  for (const [, target = ''] of targets) {
    if (/^\w+:/.test(target)) continue;
    const [path = '', anchor] = target.split('#');
    const to = path === '' ? file : relative(ROOT, resolve(ROOT, dirname(file), path));
    const exists =
      !to.startsWith('..') &&
      existsSync(join(ROOT, to)) &&
      (anchor === undefined || anchorsOf(await read(to)).has(decodeURIComponent(anchor)));
    if (!exists) broken.push(target);
  }
  expect(broken).toEqual([]);
});

/** Code that is a path from the root, a folder, or a file with one of the repository's extensions. */
const PATH =
  /^(?:(?:src|scripts|docs|\.github|\.ci)\/[\w./-]*|[\w-]+\/|[\w.-]+\.(?:tsx?|lua|py|md|ya?ml|jsonc?))$/;

test.for(DOCUMENTS)('every repository path in the code spans of %s exists', async (file) => {
  const folders = await Promise.all(['src', 'scripts', 'docs', '.github', '.ci'].map(list));
  const files = [...(await readdir(ROOT)), ...folders.flat()].map((path) => `/${path}`);
  const ignored = (await read('.gitignore')).split('\n');
  const exists = (path: string) =>
    files.some((it) => (path.endsWith('/') ? it.includes(`/${path}`) : it.endsWith(`/${path}`)));
  const prose = (await read(file)).replace(FENCED, '');
  const words = Array.from(prose.matchAll(/`([^`\n]+)`/g), ([, code = '']) =>
    code.split(' '),
  ).flat();
  const paths = words.filter((word) => PATH.test(word) && !ignored.includes(`/${word}`));
  expect(paths.filter((path) => !exists(path))).toEqual([]);
});

test('the README has at most 150 lines', async () => {
  expect((await read('README.md')).trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

test('the README lists exactly the environment variables that the server reads', async () => {
  const given: Record<string, string> = {
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://example.com/memo',
    REDIS_URL: 'redis://localhost',
    NAVER_CLIENT_ID: 'id',
    NAVER_CLIENT_SECRET: 'secret',
  };
  const readNames = new Set<string>();
  const env = new Proxy(given, {
    get(target, name: string) {
      readNames.add(name);
      return target[name];
    },
  });
  readConfig(env);
  const table = /^## Configuration$[\s\S]*?(?=^## )/m.exec(await read('README.md'))![0];
  const firstCells = Array.from(table.matchAll(/^\| (`.*?) \|/gm), ([, cell]) => cell!);
  const listed = firstCells.flatMap((cell) =>
    Array.from(cell.matchAll(/`(\w+)`/g), ([, it]) => it!),
  );
  expect(listed.sort()).toEqual([...readNames].sort());
});

test('every Korean quotation in the documents is a text of the pages', async () => {
  const sources = (await list('src')).filter((file) => file.endsWith('.ts'));
  const texts = (await Promise.all(sources.map(read))).join('\n');
  const unknown: string[] = [];
  for (const file of DOCUMENTS) {
    for (const [, quote = ''] of (await read(file)).matchAll(/“([^”]*[가-힣][^”]*)”/g)) {
      if (!texts.includes(quote)) unknown.push(`${file}: ${quote}`);
    }
  }
  expect(unknown).toEqual([]);
});

test('package.json, .nvmrc, the build and the documents name the same lowest Node version', async () => {
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

test('the list of decisions links each decision by its title', async () => {
  const listed = await read('docs/decisions/README.md');
  const decisions = (await list('docs/decisions')).filter((file) => /\/\d{4}-/.test(file));
  expect(decisions).not.toEqual([]);
  for (const file of decisions) {
    const title = /^# (.+)$/m.exec(await read(file))![1];
    expect(listed).toContain(`| [${title}](${relative('docs/decisions', file)}) |`);
  }
});
