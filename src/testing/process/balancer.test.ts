/** Behind a load balancer that keeps its connections. */
import { test } from 'vitest';
import { expectRestartsUnseen } from '../balancer.ts';

test(
  'not one request fails while both servers are restarted, and streams resume',
  {
    timeout: 60_000,
  },
  () => expectRestartsUnseen(2, { interval: 200, propagation: 1000, grace: 3 }),
);
