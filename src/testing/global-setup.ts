import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';
import { serverOptions, writeAssets } from '../../scripts/build.ts';
import { startRedis } from '../../scripts/redis.ts';
import { packagedChromium } from './browser.ts';
import { SLOWLOG, watchScripts } from './slowlog.ts';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
    /** whether tests that can do more shall do all of it */
    thorough: boolean;
  }
}

/** One real Redis for all test files, each of which has its own people; and the server, built. */
export default async function setup(project: TestProject) {
  const dir = await mkdtemp(join(tmpdir(), 'memo-test-'));
  const redis = await startRedis({ dir, config: SLOWLOG });
  const scripts = watchScripts(redis);
  project.provide('redisUrl', redis.url);
  // Once, before anybody starts it: a program that is still being written cannot be run.
  if (!process.env.CHROMIUM) await packagedChromium();
  await writeAssets();
  await build(serverOptions);
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
