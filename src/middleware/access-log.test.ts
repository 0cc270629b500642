import { expect, test } from 'vitest';
import { pseudonymOf } from '../sessions.ts';
import { createTestApp, ORIGIN } from '../testing/app.ts';

const JSON_ACCEPTED = { Accept: 'application/json' };

/** The lines of the log, a few fields of each, undefined where a line has none. */
const read = (log: string[]) =>
  log.map((line) => {
    const { method, path, status, reason, event, person } = JSON.parse(line);
    return { method, path, status, reason, event, person };
  });

test('a refused request says which check refused it', async () => {
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

test('one person can be followed, but for what they read, without knowing who it is', async () => {
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

test('the end of sessions is told, and by whom', async () => {
  const { log, logIn } = createTestApp();
  const me = await logIn();
  const phone = await logIn(me.id);
  const [action] = /\/sessions\/[0-9a-f]{16}\/end/.exec(
    await (await me.request('/sessions')).text(),
  )!;
  log.length = 0;
  const headers = { Origin: ORIGIN };
  await me.post(action, {}, headers);
  await me.post(action, {}, headers); // there is none any more
  await me.post('/sessions/end', {}, headers);
  await phone.post('/logout', {}, headers); // nobody is logged in there
  const person = pseudonymOf(me.id);
  expect(read(log).map(({ event, person }) => [event, person])).toEqual([
    ['session-ended', person],
    [undefined, person],
    ['sessions-ended', person],
    [undefined, undefined],
  ]);
});
