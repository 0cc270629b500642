import { readFile } from 'node:fs/promises';
import { configDefaults, defineConfig } from 'vitest/config';

/** Tests that take minutes: only `npm run test:soak` runs them, and nothing else. */
const SOAK = 'src/**/*.soak.test.ts';

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
    include: mode === 'soak' ? [SOAK] : ['src/**/*.test.{ts,tsx}', 'scripts/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(mode === 'soak' ? [] : [SOAK])],
    globalSetup: 'src/testing/global-setup.ts',
    // Most of them wait, for a browser or for Redis: more than there are cores.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
}));
