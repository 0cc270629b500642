import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** Tests in a browser. */
const BROWSER = 'src/testing/browser/**/*.test.ts';

/** Tests that start servers or several Redis servers, or that fill a Redis. */
const PROCESS = [
  'src/testing/process/**/*.test.ts',
  'src/**/*.scale.test.ts',
  'src/**/*.model.test.ts',
  'src/app.fuzz.test.ts',
  'src/node/log.test.ts',
  'src/node/redis.test.ts',
  'scripts/**/*.test.ts',
];

/** Tests that take minutes; only `npm run test:soak` runs them. */
const SOAK = 'src/**/*.soak.test.ts';

/** Tests with a short and a full version; `npm run test:soak` runs the full one. */
const THOROUGH = [
  'src/app.fuzz.test.ts',
  'src/memo/foreign.test.ts',
  'src/store/memos.test.ts',
  'src/store/memos.model.test.ts',
  'src/store/memos.scale.test.ts',
  'src/store/sessions.test.ts',
  'src/testing/browser/accessible.test.ts',
  'src/testing/process/abuse.test.ts',
  'src/testing/process/faults.test.ts',
];

/** The same as the loader `text` of the build. */
const luaAsText = {
  name: 'lua-as-text',
  async load(id: string) {
    if (id.endsWith('.lua')) return `export default ${JSON.stringify(await readFile(id, 'utf8'))}`;
  },
};

const project = (test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration => ({
  plugins: [luaAsText],
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for may take a busy machine longer than the second that is the default.
    expect: { poll: { timeout: 10_000 } },
    // Most of the tests wait for Redis, for a server or for a browser.
    maxWorkers: Math.max(3, availableParallelism()),
    ...test,
  },
});

const startServers = ['src/testing/setup-server.ts'];
const startBrowsers = [...startServers, 'src/testing/setup-browser.ts'];

const projects = [
  project({
    name: 'unit',
    include: ['src/**/*.test.{ts,tsx}'],
    exclude: [...configDefaults.exclude, ...PROCESS, BROWSER, SOAK],
    // The modules are loaded once a worker: to load them once a file takes longer than the tests.
    isolate: false,
  }),
  project({
    name: 'process',
    include: PROCESS,
    exclude: [...configDefaults.exclude, SOAK],
    globalSetup: startServers,
    sequence: { groupOrder: 1 },
  }),
  project({
    name: 'browser',
    include: [BROWSER],
    globalSetup: startBrowsers,
    sequence: { groupOrder: 1 },
  }),
];

const soak = project({
  name: 'soak',
  include: [SOAK, ...THOROUGH],
  globalSetup: startBrowsers,
  maxWorkers: 1, // they measure, and need a quiet machine
  testTimeout: 120_000,
});

export default defineConfig(({ mode }) => ({
  test: {
    globalSetup: 'src/testing/setup.ts',
    provide: { thorough: mode === 'soak' },
    projects: mode === 'soak' ? [soak] : projects,
  },
}));
