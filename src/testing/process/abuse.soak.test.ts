/** What takes a server its full patience: bodies that never end, answers that nobody reads. */
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { expect, inject, onTestFinished, test } from 'vitest';
import { type Server, startServer } from '../server.ts';
import { ask, connectTo, createPerson } from '../stage.ts';

/** Sends bytes, and tells what comes back, and after how many seconds the server hangs up. */
function open({ port }: Server, head: string, { reads = true } = {}) {
  const start = performance.now();
  const socket = connect(port, '127.0.0.1');
  const line = { socket, said: '', reads, seconds: undefined as number | undefined };
  onTestFinished(() => void socket.destroy());
  socket.setEncoding('latin1');
  socket.on('data', (data) => {
    line.said += data;
    if (!line.reads) socket.pause();
  });
  socket.on('error', () => {}); // whoever is hung up on may be sending
  socket.on('close', () => {
    line.seconds = (performance.now() - start) / 1000;
  });
  socket.write(head);
  return line;
}

/** Open files of a server, which its connections are. */
const countFiles = async ({ child }: Server) => (await readdir(`/proc/${child.pid}/fd`)).length;

test('bodies that never end, answers that nobody reads and idle connections end', {
  timeout: 180_000,
}, async () => {
  const server = await startServer();
  const redis = connectTo(inject('redisUrl'));
  const me = await createPerson(redis);
  const memo = (_: unknown, i: number) => `{"id":${i + 1},"text":"${'x'.repeat(20_000)}"}`;
  await redis.rpush(`user:${me.id}:memos`, ...Array.from({ length: 1000 }, memo));

  const head = (request: string) => `${request} HTTP/1.1\r\nHost: x\r\nCookie: ${me.cookie}\r\n`;
  const post = `${head('POST /memo')}Content-Type: application/json\r\n`;
  const bodies = [
    open(server, `${post}Content-Length: 100000\r\n\r\n{"text":"`),
    open(server, `${post}Transfer-Encoding: chunked\r\n\r\n9\r\n{"text":"\r\n`),
  ];
  const drip = setInterval(() => {
    bodies[0]!.socket.write('x');
    bodies[1]!.socket.write('1\r\nx\r\n');
  }, 1000);
  onTestFinished(() => clearInterval(drip));
  const before = await countFiles(server);
  const readers = Array.from({ length: 20 }, () =>
    open(server, `${head('GET /memo')}\r\n`, { reads: false }),
  );
  const idle = open(server, `${head('GET /healthz')}\r\n`);

  const until = { timeout: 150_000, interval: 1000 };
  await expect.poll(() => bodies.every(({ seconds }) => seconds), until).toBe(true);
  for (const { said, seconds } of bodies) {
    // A byte a second, over 20 s, is too slow.
    expect(seconds).toBeGreaterThan(19);
    expect(seconds).toBeLessThan(25);
    expect(said).not.toMatch(/ 20[01] /);
  }
  expect(await redis.llen(`user:${me.id}:memos`)).toBe(1000);
  expect((await ask(`${server.url}/memo?limit=1`, me)).status).toBe(200);

  // Longer than a balancer keeps it, which is 60 s.
  await expect.poll(() => idle.seconds, until).toBeGreaterThan(70);
  expect(idle.seconds).toBeLessThan(85);
  expect(idle.said).toMatch(/ 200 /);

  // Whoever does not read does not see the end, either: the server's open files tell.
  await expect.poll(() => countFiles(server), until).toBeLessThan(before + 5);
  for (const reader of readers) {
    reader.reads = true;
    reader.socket.resume();
  }
  await expect.poll(() => readers.every(({ seconds }) => seconds), until).toBe(true);
  for (const { said } of readers) expect(said.length).toBeLessThan(20_000_000);
  expect(server.stderr).toBe('');
});

test('a phone that takes 50 KB a second is not let go', { timeout: 180_000 }, async () => {
  const server = await startServer();
  const redis = connectTo(inject('redisUrl'));
  const me = await createPerson(redis);
  const memo = (_: unknown, i: number) => `{"id":${i + 1},"text":"${'x'.repeat(20_000)}"}`;
  await redis.rpush(`user:${me.id}:memos`, ...Array.from({ length: 1000 }, memo));

  const socket = connect({ port: server.port, host: '127.0.0.1' });
  onTestFinished(() => void socket.destroy());
  socket.write(
    `GET /memo HTTP/1.1\r\nHost: x\r\nCookie: ${me.cookie}\r\nConnection: close\r\n\r\n`,
  );
  const start = performance.now();
  let taken = 0;
  let tail = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    taken += chunk.length;
    tail = (tail + chunk.toString('latin1')).slice(-20);
    // For a minute, as slow as that; then all of the rest at once.
    const isDue = () => performance.now() - start > Math.min(taken / 50, 60_000);
    if (!isDue()) await expect.poll(isDue, { timeout: 60_000 }).toBe(true);
  }
  expect(taken).toBeGreaterThan(20_000_000);
  expect(tail).toContain(']}');
});
