/** Behind a load balancer for longer, with the settings of docs/operating.md. */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { expectRestartsUnseen } from '../balancer.ts';
import { startServer } from '../server.ts';

test(
  'not one request fails while servers are restarted twenty times, and streams resume',
  {
    timeout: 600_000,
  },
  () => expectRestartsUnseen(20, { interval: 10_000, propagation: 3000 }),
);

test('connections that were idle for as long as a balancer keeps them still serve', {
  timeout: 120_000,
}, async () => {
  const server = await startServer();
  const agents = Array.from({ length: 20 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  onTestFinished(() => {
    for (const agent of agents) agent.destroy();
  });
  const askAll = () =>
    Promise.all(
      agents.map(async (agent) => {
        const request = get({ agent, port: server.port, host: '127.0.0.1', path: '/healthz' });
        const [answer] = (await once(request, 'response')) as [IncomingMessage];
        const from = answer.socket.localPort;
        answer.resume();
        await once(answer, 'end');
        return { status: answer.statusCode, from };
      }),
    );
  const first = await askAll();
  await delay(61_000); // what the balancer waits for at the longest
  expect(await askAll()).toEqual(first);
  expect(first.every(({ status }) => status === 200)).toBe(true);
});
