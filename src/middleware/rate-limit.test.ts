import type { Context } from 'hono';
import { describe, expect, test } from 'vitest';
import { clientAddress } from '../http/client-address.ts';
import type { Env } from '../http/env.ts';
import { createRateLimiter } from '../store/rate-limits.ts';
import { connect, createTestApp, newId } from '../testing/app.ts';
import { connectTo, startOwnRedis } from '../testing/stage.ts';

const from = (address: string, headers: Record<string, string> = {}) => ({
  headers,
  env: { incoming: { socket: { remoteAddress: address } } },
});

describe('how often something may be done', () => {
  test('half of a minute’s at once, then one after the other, however many processes count', async () => {
    const key = `test:${newId()}`;
    const limiters = [createRateLimiter(connect()), createRateLimiter(connect())];
    const takes = await Promise.all(
      Array.from({ length: 40 }, (_, i) => limiters[i % 2]!.take(key, 20)),
    );
    expect(takes.filter(({ allowed }) => allowed)).toHaveLength(10);
    expect(
      takes
        .filter(({ allowed }) => allowed)
        .map(({ left }) => left)
        .sort(),
    ).toEqual(Array.from({ length: 10 }, (_, i) => i));
    for (const { allowed, wait, left } of takes.filter((take) => !take.allowed)) {
      expect([allowed, left]).toEqual([false, 0]);
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(3);
    }
  });

  test('the key of a limit expires when nothing is taken any more', async () => {
    const redis = connect();
    const key = `test:${newId()}`;
    for (let i = 0; i < 10; i++) await createRateLimiter(redis).take(key, 20);
    const ttl = await redis.pttl(key);
    expect(ttl).toBeGreaterThan(25_000);
    expect(ttl).toBeLessThanOrEqual(30_000);
    // As if so much time had passed: what the key holds is a time.
    await redis.set(key, String(Number(await redis.get(key)) - 6e6), 'PX', 30_000);
    const takes = [];
    for (let i = 0; i < 3; i++) takes.push(await createRateLimiter(redis).take(key, 20));
    expect(takes.map(({ allowed }) => allowed)).toEqual([true, true, false]);
  });
});

describe('a person who writes', () => {
  test('gets 429 beyond the limit, nothing is stored then, and reading goes on', async () => {
    const { logIn } = createTestApp({ env: { WRITES_PER_MINUTE: '6' } });
    const [me, other] = [await logIn(), await logIn()];
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await me.send('POST', '/memo', { text: `글 ${i}` }));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 429, 429]);
    expect(answers[0]!.headers.get('RateLimit-Policy')).toBe('"writes";q=3;w=30');
    expect(answers[0]!.headers.get('RateLimit')).toBe('"writes";r=2;t=10');
    const refused = answers[4]!;
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(refused.headers.get('RateLimit')).toMatch(/^"writes";r=0;t=\d+$/);
    expect((await refused.json()).code).toBe('too-many');
    expect(await me.stored()).toHaveLength(3);
    expect((await me.request('/memo')).status).toBe(200);
    expect((await other.send('POST', '/memo', { text: '남의 글' })).status).toBe(201);
  });

  test('gets the text of a form back that is beyond the limit', async () => {
    const { logIn } = createTestApp({ env: { WRITES_PER_MINUTE: '1' } });
    const me = await logIn();
    await me.post('/memo', { text: '하나' });
    const refused = await me.post('/memo', { text: '둘' });
    expect(refused.status).toBe(429);
    expect(await refused.text()).toContain('둘</textarea>');
    expect(await me.stored()).toHaveLength(1);
  });

  test('can still empty the trash, which makes room, when Redis is too full to count', async () => {
    const own = await startOwnRedis();
    const full = connectTo(own.url);
    await full.config('SET', 'maxmemory', '1');
    const limiter = createRateLimiter(full);
    await expect(limiter.take('test', 60)).rejects.toThrow('OOM');
    const { logIn, redis } = createTestApp({ env: { WRITES_PER_MINUTE: '60' }, deps: { limiter } });
    const me = await logIn();
    await redis.rpush(`user:${me.id}:trash`, '{"id":1,"text":"a","deleted":9000000000000000}');
    expect((await me.post('/trash/empty', {})).status).toBe(303);
    expect(await redis.exists(`user:${me.id}:trash`)).toBe(0);
  });

  test('is counted for every way to change something, and not at all with 0', async () => {
    const { logIn, redis } = createTestApp({ env: { WRITES_PER_MINUTE: '120' } });
    const me = await logIn();
    const { id } = await (await me.send('POST', '/memo', { text: '- [ ] 글' })).json();
    const ways = [
      () => me.send('PATCH', `/memo/${id}`, { pin: true }),
      () => me.post(`/memo/${id}`, { text: '- [ ] 새 글', version: String(id) }),
      () => me.post(`/memo/${id}/task`, { version: '1', line: '0', done: 'true' }),
      () => me.post(`/memo/${id}/pin`, { pin: 'false' }),
      () => me.post(`/memo/${id}/delete`, {}),
      () => me.post(`/memo/${id}/restore`, {}),
      () => me.request(`/memo/${id}`, { method: 'DELETE' }),
      () => me.post(`/trash/${id}/purge`, {}),
      () => me.post('/trash/empty', {}),
    ];
    for (const way of ways) {
      const before = await redis.get(`user:${me.id}:writes`);
      expect((await way()).headers.get('RateLimit')).toMatch(/^"writes";r=\d+;t=\d+$/);
      expect(await redis.get(`user:${me.id}:writes`)).not.toBe(before);
    }
    const free = createTestApp({ env: { WRITES_PER_MINUTE: '0' } });
    const you = await free.logIn();
    for (let i = 0; i < 150; i++) {
      expect((await you.send('POST', '/memo', { text: '글' })).status).toBe(201);
    }
    expect(await redis.exists(`user:${you.id}:writes`)).toBe(0);
  });
});

describe('a login', () => {
  test('beyond the limit of one address gets 429, and other addresses do not', async () => {
    const { app } = createTestApp({ env: { LOGINS_PER_MINUTE: '4' } });
    const tryFrom = async (address: string) =>
      (await app.request('/login', from(address), from(address).env)).status;
    const mine = `2001:db8:${Date.now() % 9999}:1`;
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push(await tryFrom(`${mine}::${i + 1}`));
    expect(statuses).toEqual([302, 302, 429, 429]);
    expect(await tryFrom(`${mine.slice(0, -1)}2::1`)).toBe(302);
    const back = await app.request('/oauth2?state=x', from(`${mine}::9`), from(`${mine}::9`).env);
    expect(back.status).toBe(400); // counted apart
  });

  test('has no limit when the limit is 0', async () => {
    const { app } = createTestApp({ env: { LOGINS_PER_MINUTE: '0' } });
    const request = from(`10.2.${Date.now() % 250}.${process.pid % 250}`);
    for (let i = 0; i < 30; i++) {
      const answer = await app.request('/login', request, request.env);
      expect([answer.status, answer.headers.get('RateLimit')]).toEqual([302, null]);
    }
  });

  test('is counted by the peer’s address, not by a header, unless a proxy of ours sent that', async () => {
    const { app } = createTestApp({ env: { LOGINS_PER_MINUTE: '2' } });
    const address = `10.1.${Date.now() % 250}.${process.pid % 250}`;
    const statuses = [];
    for (let i = 0; i < 3; i++) {
      const request = from(address, { 'X-Forwarded-For': `192.0.2.${i}` });
      statuses.push((await app.request('/login', request, request.env)).status);
    }
    expect(statuses).toEqual([302, 429, 429]);
  });
});

describe('where a request comes from', () => {
  const address = (peer: string, forwarded: string | undefined, proxies: number) =>
    clientAddress(
      {
        env: { incoming: { socket: { remoteAddress: peer } } },
        req: { header: () => forwarded },
      } as unknown as Context<Env>,
      proxies,
    );
  test.each([
    ['192.0.2.1', undefined, 0, '192.0.2.1'],
    ['192.0.2.1', '198.51.100.7', 0, '192.0.2.1'],
    ['192.0.2.1', '198.51.100.7', 1, '198.51.100.7'],
    ['192.0.2.1', 'forged, 198.51.100.7', 1, '198.51.100.7'],
    ['192.0.2.1', 'forged, 198.51.100.7, 203.0.113.9', 2, '198.51.100.7'],
    ['192.0.2.1', undefined, 1, '192.0.2.1'],
    ['192.0.2.1', '198.51.100.7', 2, '192.0.2.1'],
    ['::ffff:192.0.2.1', undefined, 0, '192.0.2.1'],
    ['192.0.2.1', '198.51.100.7:4711', 1, '198.51.100.7'],
    ['192.0.2.1', '[2001:db8:1:2:3:4:5:6]:4711', 1, '2001:db8:1:2'],
    ['2001:db8:1:2:3:4:5:6', undefined, 0, '2001:db8:1:2'],
    ['2001:db8::1', undefined, 0, '2001:db8:0:0'],
    ['::1', undefined, 0, '0:0:0:0'],
  ])('%s, forwarded for %s, through %i of ours: %s', (peer, forwarded, proxies, expected) => {
    expect(address(peer, forwarded, proxies)).toBe(expected);
  });
});
