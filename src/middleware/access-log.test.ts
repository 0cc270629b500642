import { expect, test } from 'vitest';
import { pseudonymOf } from '../store/sessions.ts';
import { createTestApp, ORIGIN } from '../testing/app.ts';

const JSON_ACCEPTED = { Accept: 'application/json' };

/** Some fields of each line of the log; undefined where a line lacks one. */
const read = (log: string[]) =>
  log.map((line) => {
    const { method, path, status, reason, event, person } = JSON.parse(line);
    return { method, path, status, reason, event, person };
  });

test('the log line of a refused request names the check that refused it', async () => {
  const { app, log, logIn } = createTestApp({
    env: { WRITES_PER_MINUTE: '1', LOGINS_PER_MINUTE: '1' },
  });
  const me = await logIn();
  const send = (headers: object = {}) => me.send('POST', '/memo', { text: 'a' }, headers);
  for (const [request, status, reason] of [
    [() => app.request('/memo'), 302, 'logged-out'],
    [() => app.request('/memo', { headers: JSON_ACCEPTED }), 401, 'logged-out'],
    [() => send({ 'Sec-Fetch-Site': 'cross-site' }), 403, 'cross-site'],
    [() => me.request('/memo%2F1'), 400, 'bad-path'],
    [() => me.request('/memo/1'), 404, 'not-found'],
    [() => me.request('/nowhere'), 404, 'not-found'],
    [() => me.request('/memo', { method: 'PUT' }), 405, 'method-not-allowed'],
    [() => me.post('/memo', { text: 'a', person: 'somebody else' }), 409, 'other-person'],
    [() => send(), 201, undefined],
    [() => send(), 429, 'too-many'],
    [() => app.request('/login'), 302, undefined],
    [() => app.request('/login'), 429, 'too-many'],
    [() => app.request('/oauth2?state=x'), 400, 'login-expired'],
  ] as const) {
    expect((await request()).status).toBe(status);
    expect(read(log).at(-1)).toMatchObject({ status });
    expect(read(log).at(-1)!.reason).toBe(reason);
  }
});

test('log lines name the person by a pseudonym only, and not at all for successful reads', async () => {
  const { log, logIn } = createTestApp({ env: { TRUST_PROXY: '1' } });
  const [me, other] = [await logIn(undefined, '김비밀'), await logIn()];
  const phone = await logIn(me.id);
  const headers = { 'X-Forwarded-For': '203.0.113.9', 'User-Agent': 'a browser of mine' };
  await me.request('/', { headers });
  await me.send('POST', '/memo', { text: 'a' }, headers);
  await phone.request('/memo/1', { headers });
  await phone.request('/memo/1', { method: 'DELETE', headers });
  await other.request('/memo/1', { headers });

  const people = read(log).map(({ person }) => person);
  const [mine, theirs] = [pseudonymOf(me.id), pseudonymOf(other.id)];
  expect(people).toEqual([undefined, mine, mine, mine, theirs]);
  const all = log.join('\n');
  for (const secret of [me.id, '김비밀', me.cookie.slice(7), '203.0.113.9', 'a browser of mine']) {
    expect(all).not.toContain(secret);
  }
});

test('the log cuts paths to 200 characters', async () => {
  const { app, log } = createTestApp();
  const paths = [
    [`/${'x'.repeat(199)}`, `/${'x'.repeat(199)}`],
    [`/${'x'.repeat(200)}`, `/${'x'.repeat(199)}…`],
    [`/${'x'.repeat(15_000)}`, `/${'x'.repeat(199)}…`],
    // A surrogate pair that the cut would split.
    [`/${'x'.repeat(198)}😀`, `/${'x'.repeat(198)}…`],
  ];
  for (const [path] of paths) await app.request(path!);
  expect(read(log).map(({ path }) => path)).toEqual(paths.map(([, logged]) => logged));
});

test('successful health checks, and no other requests, are logged at debug', async () => {
  const { app, log } = createTestApp({ env: { PUBLIC_URL: `${ORIGIN}/memo` } });
  const checks = ['/healthz', '/readyz', '/memo/healthz', '/memo/readyz'];
  for (const path of checks) expect((await app.request(path)).status).toBe(200);
  await app.request('/healthz', { method: 'HEAD' });
  await app.request('/healthz', { method: 'POST' });
  await app.request('/x/healthz');
  await app.request('/memo/memo/healthz');
  const gone = createTestApp({ deps: { checkStorage: () => Promise.reject(new Error('gone')) } });
  await gone.app.request('/readyz');
  await gone.app.request('/healthz');

  const levels = (lines: string[]) =>
    lines.map((line) => {
      const { level, status } = JSON.parse(line);
      return [level, status];
    });
  expect(levels(log)).toEqual([
    ...Array(5).fill(['debug', 200]),
    ['info', 405],
    ['info', 404],
    ['info', 302],
  ]);
  expect(levels(gone.log)).toEqual([
    ['warn', 503],
    ['debug', 200],
  ]);
});

test('the log tells when sessions are ended, and by which person', async () => {
  const { log, logIn } = createTestApp();
  const me = await logIn();
  const phone = await logIn(me.id);
  const [action] = /\/sessions\/[0-9a-f]{16}\/end/.exec(
    await (await me.request('/sessions')).text(),
  )!;
  log.length = 0;
  const headers = { Origin: ORIGIN };
  await me.post(action, {}, headers);
  await me.post(action, {}, headers); // ended already
  await me.post('/sessions/end', {}, headers);
  await phone.post('/logout', {}, headers); // ended already
  const person = pseudonymOf(me.id);
  expect(read(log).map(({ event, person }) => [event, person])).toEqual([
    ['session-ended', person],
    [undefined, person],
    ['sessions-ended', person],
    [undefined, undefined],
  ]);
});
