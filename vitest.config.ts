import { readFile } from 'node:fs/promises';
import { configDefaults, defineConfig } from 'vitest/config';

/** Tests that take minutes; only `npm run test:soak` runs them. */
const SOAK = 'src/**/*.soak.test.ts';

/** Tests with a short and a full version; `npm run test:soak` runs the full one. */
const THOROUGH = 'src/testing/process/abuse.test.ts';

export default defineConfig(({ mode }) => ({
  plugins: [
    {
      name: 'lua-as-text',
      // The same as the loader `text` of the build.
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
    // More than two cores, because most tests wait for a browser or for Redis.
    maxWorkers: mode === 'soak' ? 1 : 3, // soak tests measure: nothing may run beside them
    testTimeout: mode === 'soak' ? 120_000 : 30_000,
    hookTimeout: 60_000,
  },
}));
