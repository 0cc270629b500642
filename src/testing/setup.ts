import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { writeAssets } from '../../scripts/build.ts';
import { startRedis } from '../../scripts/redis.ts';
import { SLOWLOG, watchScripts } from './slowlog.ts';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
    /** whether tests repeat their steps often, as in `npm run test:soak` */
    thorough: boolean;
  }
}

/** Builds the static files, and starts one Redis for all test files, each of which has its own people. */
export default async function setup(project: TestProject) {
  const dir = await mkdtemp(join(tmpdir(), 'memo-test-'));
  // Without a disk: tests that restart a Redis start their own.
  const redis = await startRedis({ dir, config: { ...SLOWLOG, appendonly: 'no' } });
  const scripts = watchScripts(redis);
  project.provide('redisUrl', redis.url);
  await writeAssets();
  return async () => {
    const slow = await scripts.end();
    await redis.stop();
    await rm(dir, { recursive: true, force: true });
    if (slow.length > 0) {
      process.exitCode = 1; // to throw is not enough: Vitest only prints it
      throw new Error(`scripts took Redis too long:\n${slow.join('\n')}`);
    }
  };
}
