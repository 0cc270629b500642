import { expect, test } from 'vitest';
import { startRedis } from '../../../scripts/redis.ts';
import { SLOWLOG, watchScripts } from '../slowlog.ts';
import { connectTo, makeFolder } from '../stage.ts';

/** Keeps Redis busy, for about 100 ns a turn. */
const BUSY = 'local x = 0 for i = 1, ARGV[1] do x = (x + i) % 7 end return x';

test('a script that takes Redis long is told of, with its arguments', async () => {
  const redis = await startRedis({ dir: await makeFolder(), config: SLOWLOG });
  const client = connectTo(redis.url);
  const scripts = watchScripts(redis);
  try {
    await client.eval(BUSY, 0, 1e4);
    await client.rpush('list', ...Array.from({ length: 100_000 }, (_, i) => `${i}`));
    await client.sort('list', 'ALPHA', 'STORE', 'sorted'); // slow, but no script
    await client.eval(BUSY, 0, 1e7, 'this one');
    const slow = await scripts.end();
    expect(slow).toEqual([expect.stringMatching(/ms of its own: "eval" .*"this one"/)]);
  } finally {
    await redis.kill();
  }
});
