import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Hono } from 'hono';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Env } from '../http/env.ts';
import { Flights } from '../http/flights.ts';
import { BYTES_IN_FLIGHT, STALLED_MS, UNTAKEN_MS } from '../memo/bounds.ts';
import { serve } from './serve.ts';

/** Serves an application on a free port during the test. */
async function start(app: Hono<Env>, isCrowded = false) {
  const flights = new Flights();
  if (isCrowded) flights.add(BYTES_IN_FLIGHT, false);
  const config = { port: 0, host: '127.0.0.1', publicUrl: 'http://localhost' };
  const served = await serve(app, config, flights);
  const { server } = served;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { ...served, port: (server.address() as AddressInfo).port };
}

test('an idle connection stays open for longer than the 60 s of a balancer', async () => {
  const { server } = await start(new Hono<Env>());
  expect(server.keepAliveTimeout).toBeGreaterThanOrEqual(65_000);
});

test('draining waits for a response that its client is still reading', async () => {
  const body = 'x'.repeat(20_000_000); // more than the kernel buffers
  const app = new Hono<Env>().get('/', (c) => c.text(body));
  const { server, port, drain, countUnanswered } = await start(app);
  const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
  const request = get({ port, host: '127.0.0.1' });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const [, response] = await asked;
  await expect.poll(() => response.writableEnded).toBe(true);
  const drained = drain(0);
  await setTimeout(0);
  expect(countUnanswered()).toBe(1);
  let length = 0;
  for await (const chunk of answer) length += chunk.length;
  expect(length).toBe(body.length);
  await drained;
  await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
});

test.each([
  ['a body that stalls', false, 'POST', STALLED_MS],
  ['a response that is not read', false, 'GET', UNTAKEN_MS],
  ['a response that is not read while room is scarce', true, 'GET', STALLED_MS],
])('%s ends its connection', async (_, isCrowded, method, patience) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const app = new Hono<Env>()
    .post('/', async (c) => c.text(await c.req.text().catch(() => '')))
    .get('/', (c) => c.text('x'.repeat(20_000_000)));
  const { server, port, countUnanswered } = await start(app, isCrowded);
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.pause();
  socket.on('error', () => {}); // the server resets it
  socket.write(`${method} / HTTP/1.1\r\nHost: a\r\n`);
  socket.write(method === 'POST' ? 'Content-Length: 10\r\n\r\nx' : '\r\n');
  await once(server, 'request');
  vi.advanceTimersByTime(patience - 2_000);
  expect(countUnanswered()).toBe(1);
  vi.advanceTimersByTime(4_000);
  await expect.poll(countUnanswered).toBe(0);
});
