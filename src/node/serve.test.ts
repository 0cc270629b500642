import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Hono } from 'hono';
import { expect, onTestFinished, test, vi } from 'vitest';
import { findFreePort } from '../../scripts/redis.ts';
import { readConfig } from '../config.ts';
import type { Env } from '../http/env.ts';
import { Flights } from '../http/flights.ts';
import { BYTES_IN_FLIGHT, STALLED_MS, UNTAKEN_MS } from '../memo/bounds.ts';
import { serve } from './serve.ts';

const BODY = 'x'.repeat(20_000_000); // more than the kernel takes

/** Serves a body that takes a while to send, and takes one; until the end of the test. */
async function start(flights = new Flights()) {
  const port = await findFreePort();
  const config = readConfig({
    PORT: String(port),
    REDIS_URL: 'redis://127.0.0.1',
    NAVER_CLIENT_ID: 'id',
    NAVER_CLIENT_SECRET: 'secret',
  });
  const app = new Hono<Env>()
    .get('/', (c) => c.text(BODY))
    .post('/', async (c) => c.text(await c.req.text().catch(() => '')));
  const { drain } = await serve(app, config, flights);
  onTestFinished(() => drain(0));
  return { port, drain };
}

/** Asks, and reads nothing of the body yet. */
async function ask(port: number): Promise<IncomingMessage> {
  const [response] = await once(get({ port, host: '127.0.0.1' }), 'response');
  onTestFinished(() => void response.destroy());
  return response as IncomingMessage;
}

test('an idle connection is kept for longer than the 60 s for which a balancer keeps it', async () => {
  const response = await ask((await start()).port);
  const seconds = Number(/timeout=(\d+)/.exec(String(response.headers['keep-alive']))?.[1]);
  expect(seconds).toBeGreaterThanOrEqual(65);
});

test('a response that its reader has not taken yet comes to its end while the server drains', async () => {
  const { port, drain } = await start();
  const response = await ask(port);
  const draining = drain(0);
  const refused = expect.poll(() => once(connect(port, '127.0.0.1'), 'connect').catch(String));
  await refused.toContain('ECONNREFUSED');
  let length = 0;
  for await (const chunk of response) length += chunk.length;
  expect(length).toBe(BODY.length);
  await draining;
});

test.each([
  ['a body of which nothing more comes', 'POST', 0, STALLED_MS],
  ['a response of which nothing more is taken', 'GET', 0, UNTAKEN_MS],
  [
    'a response of which nothing more is taken while others need the room',
    'GET',
    BYTES_IN_FLIGHT,
    STALLED_MS,
  ],
])('%s ends its connection', async (_, method, others, patience) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const flights = new Flights();
  flights.add(others, false);
  const { port } = await start(flights);
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let hasEnded = false;
  socket.on('error', () => {}); // it is reset
  socket.on('close', () => {
    hasEnded = true;
  });
  socket.write(`${method} / HTTP/1.1\r\nHost: a\r\n`);
  socket.write(method === 'POST' ? 'Content-Length: 10\r\nExpect: 100-continue\r\n\r\nx' : '\r\n');
  await once(socket, 'data'); // the server has the request by now
  socket.pause();
  vi.advanceTimersByTime(patience - 2_000);
  (await ask(port)).destroy(); // whatever was ended before that is known to be
  expect(hasEnded).toBe(false);
  vi.advanceTimersByTime(4_000);
  socket.resume();
  await expect.poll(() => hasEnded).toBe(true);
});
