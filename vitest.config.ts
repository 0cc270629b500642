import { readFile } from 'node:fs/promises';
import { configDefaults, defineConfig } from 'vitest/config';

/** Tests that take minutes: only `npm run test:soak` runs them. */
const SOAK = 'src/**/*.soak.test.ts';

/** Tests that can do as much as one likes: a part of it each time, all of it in `npm run test:soak`. */
const THOROUGH = 'src/testing/process/abuse.test.ts';

export default defineConfig(({ mode }) => ({
  plugins: [
    {
      name: 'lua-as-text',
      // As the build bundles them.
      async load(id) {
        if (id.endsWith('.lua'))
          return `export default ${JSON.stringify(await readFile(id, 'utf8'))}`;
      },
    },
  ],
  test: {
    include:
      mode === 'soak' ? [SOAK, THOROUGH] : ['src/**/*.test.{ts,tsx}', 'scripts/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(mode === 'soak' ? [] : [SOAK])],
    provide: { thorough: mode === 'soak' },
    globalSetup: 'src/testing/global-setup.ts',
    // Most of them wait, for a browser or for Redis: more than there are cores.
    maxWorkers: mode === 'soak' ? 1 : 3, // those that take long measure, and want quiet
    testTimeout: mode === 'soak' ? 120_000 : 30_000,
    hookTimeout: 60_000,
  },
}));
