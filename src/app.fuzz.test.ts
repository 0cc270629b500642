/** Any input: no 5xx while Redis is healthy, no internals in a response, no crash. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createTestApp } from './testing/app.ts';
import { type Server, startServer } from './testing/server.ts';

const { app, log, logIn } = createTestApp();
type Person = Awaited<ReturnType<typeof logIn>>;
let me: Person;
let server: Server;
const unhandled: unknown[] = [];
beforeAll(async () => {
  process.on('unhandledRejection', (reason) => unhandled.push(reason));
  me = await logIn();
  server = await startServer();
});
afterAll(() => server.stop('SIGKILL'));

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'X'];
const SEGMENTS = ['memo', 'trash', 'sessions', 'assets', 'login', 'oauth2', 'settings', 'events'];
const TAILS = [
  'pin',
  'task',
  'delete',
  'restore',
  'purge',
  'empty',
  'end',
  '1',
  '9007199254740993',
];

const path = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...SEGMENTS, ...TAILS) },
        fc.webSegment(),
        fc.string({ maxLength: 8 }).map(encodeURIComponent),
      ),
      { maxLength: 4 },
    ),
    fc.option(fc.webQueryParameters(), { nil: undefined }),
    fc.dictionary(
      fc.constantFrom(
        'q',
        'before',
        'through',
        'limit',
        'edit',
        'deleted',
        'state',
        'code',
        'error',
      ),
      fc.oneof(fc.string({ unit: 'binary', maxLength: 30 }), fc.nat().map(String)),
      { maxKeys: 3 },
    ),
  )
  .map(([segments, raw, named]) => {
    const query = new URLSearchParams(Object.entries(named).map(([name, value]) => [name, value]));
    return `/${segments.join('/')}?${query}${raw ? `&${raw}` : ''}`;
  });

const header = fc
  .string({ unit: fc.constantFrom(...'aZ09 ,;="/*.%-'), maxLength: 40 })
  .map((value) => value.trim());
const headers = fc.record(
  {
    Accept: fc.oneof(fc.constantFrom('text/html', 'application/json', '*/*'), header),
    'Accept-Language': header,
    'Accept-Encoding': fc.oneof(fc.constantFrom('br', 'gzip'), header),
    'Content-Type': fc.oneof(
      fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'text/plain'),
      header,
    ),
    'If-Match': fc.oneof(fc.constantFrom('*', '"1"'), header),
    'Idempotency-Key': header,
    'HX-Request': fc.constantFrom('true', 'false'),
    'Memo-Tab': header,
    'Sec-Fetch-Site': fc.constantFrom('same-origin', 'none', 'cross-site'),
    Origin: fc.constantFrom('http://localhost:8000', 'null', 'https://evil.example'),
    'X-Forwarded-For': header,
    Referer: header,
    Cookie: header,
  },
  { requiredKeys: [] },
);

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 50 }));
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  text,
  fc.json(),
  fc.record({ text: fc.oneof(text, fc.anything()), pin: fc.anything() }).map((it) => {
    try {
      return JSON.stringify(it) ?? '';
    } catch {
      return '{}';
    }
  }),
  fc
    .dictionary(
      fc.constantFrom('text', 'key', 'version', 'person', 'line', 'done', 'pin', 'before', 'q'),
      fc.oneof(text, fc.constantFrom('true', 'false', '0', '1')),
    )
    .map((fields) =>
      String(new URLSearchParams(Object.entries(fields).map(([name, value]) => [name, value]))),
    ),
);

/** Internals that no response may tell. */
const INTERNALS =
  /\bat \S+ \(|node_modules|\.tsx?\b|ReplyError|TypeError|EVALSHA|redis:\/\/|user:\w+:memos|WRONGTYPE/;

test('any request to the app gets a well-formed response', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...METHODS),
      path,
      headers,
      body,
      fc.boolean(),
      async (method, where, given, content, isMine) => {
        const response = await app.request(where, {
          method,
          headers: { ...given, ...(isMine && { Cookie: me.cookie }) } as Record<string, string>,
          ...(!['GET', 'HEAD'].includes(method) && { body: content as BodyInit }),
        });
        // There is no Naver here, so a callback may fail.
        const isNavers = where.startsWith('/oauth2') && [502, 503].includes(response.status);
        if (!isNavers) expect(response.status).toBeLessThan(500);
        expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
        expect(response.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
        if (response.headers.get('Content-Type') === 'text/event-stream') {
          await response.body?.cancel(); // a response to HEAD has none
          return;
        }
        const said = await response.text();
        expect(said).not.toMatch(INTERNALS);
        if (said && response.headers.get('Content-Type')?.includes('json')) JSON.parse(said);
        // The session may have ended: go on with another person.
        if (isMine && method === 'POST' && /^\/(logout|sessions)/.test(where)) me = await logIn();
      },
    ),
    { numRuns: inject('thorough') ? 1500 : 500 },
  );
  expect(unhandled).toEqual([]);
  expect(log.filter((line) => line.includes('"request failed"'))).toEqual([]);
});

/** Sends bytes and resolves with all that comes back until the connection closes. */
function sendRaw(bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1');
    let said = '';
    socket.on('data', (data) => {
      said += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(said));
    socket.end(bytes);
  });
}

const line = fc.oneof(
  fc.constantFrom(
    'GET / HTTP/1.1',
    'POST /memo HTTP/1.1',
    'GET //evil.example/ HTTP/1.1',
    'Host: localhost',
    'Host: a',
    'Host:',
    'Content-Length: 5',
    'Content-Length: 5, 6',
    'Content-Length: -1',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding : chunked',
    'Connection: close',
    'Expect: 100-continue',
    'Upgrade: websocket',
    '5',
    'hello',
    '0',
    'ffffffffffffffff',
    '',
  ),
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

test('any bytes on a connection leave the server running', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc
          .array(line, { maxLength: 12 })
          .map((lines) => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)),
        fc.uint8Array({ maxLength: 200 }),
      ),
      async (bytes) => {
        const said = await sendRaw(bytes);
        expect(said).not.toMatch(/^HTTP\/1\.1 5/m);
        expect(said).not.toMatch(INTERNALS);
      },
    ),
    { numRuns: inject('thorough') ? 400 : 150 },
  );
  expect(server.child.exitCode).toBeNull();
  expect(server.stderr).toBe('');
  expect((await fetch(`http://127.0.0.1:${server.port}/readyz`)).status).toBe(200);
});

test('conflicting lengths and broken chunks never turn one request into two', async () => {
  const stored = await me.stored();
  const own = `Host: localhost\r\nCookie: ${me.cookie}\r\n`;
  const body = '{"text":"smuggled"}';
  const json = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  const smuggled =
    `GET /smuggled HTTP/1.1\r\n${own}\r\n` + `POST /memo HTTP/1.1\r\n${own}${json}\r\n${body}`;
  const head = `POST /memo HTTP/1.1\r\n${own}`;
  const shapes = [
    `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `${head}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${smuggled}`,
    `${head}Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    `${head}Content-Length: +0\r\n\r\n${smuggled}`,
    `${head}Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n${smuggled}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n1;ext\n\r\na\r\n0\r\n\r\n${smuggled}`,
    `${head}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `${head}Content-Length : 0\r\n\r\n${smuggled}`,
    `${head}X: a\r\n Content-Length: 0\r\n\r\n${smuggled}`,
  ];
  for (const shape of shapes) {
    const said = await sendRaw(Buffer.from(shape, 'latin1'));
    expect([shape, said.match(/^HTTP\/1\.1 \d+/gm)]).toEqual([shape, ['HTTP/1.1 400']]);
  }
  expect(server.lines.join()).not.toContain('/smuggled');
  expect(await me.stored()).toEqual(stored);
});
