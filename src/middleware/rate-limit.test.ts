import { Hono } from 'hono';
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

describe('a rate limit', () => {
  test('allows half of a minute’s requests at once, whichever process counts them', async () => {
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

  test('expires in Redis when its budget is whole again', async () => {
    const redis = connect();
    const key = `test:${newId()}`;
    for (let i = 0; i < 10; i++) await createRateLimiter(redis).take(key, 20);
    const ttl = await redis.pttl(key);
    expect(ttl).toBeGreaterThan(25_000);
    expect(ttl).toBeLessThanOrEqual(30_000);
    // The key holds a time: as if 6 s had passed, which are two requests.
    await redis.set(key, String(Number(await redis.get(key)) - 6e6), 'PX', 30_000);
    const takes = [];
    for (let i = 0; i < 3; i++) takes.push(await createRateLimiter(redis).take(key, 20));
    expect(takes.map(({ allowed }) => allowed)).toEqual([true, true, false]);
  });
});

describe('the write limit', () => {
  test('refuses writes with the time to wait, stores nothing of them, and does not limit reading', async () => {
    const { logIn } = createTestApp({ env: { WRITES_PER_MINUTE: '6' } });
    const [me, other] = [await logIn(), await logIn()];
    const responses = [];
    for (let i = 0; i < 5; i++) responses.push(await me.send('POST', '/memo', { text: `글 ${i}` }));
    expect(responses.map(({ status }) => status)).toEqual([201, 201, 201, 429, 429]);
    expect(responses[0]!.headers.get('RateLimit-Policy')).toBe('"writes";q=3;w=30');
    expect(responses[0]!.headers.get('RateLimit')).toBe('"writes";r=2;t=10');
    const refused = responses[4]!;
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(refused.headers.get('RateLimit')).toMatch(/^"writes";r=0;t=\d+$/);
    expect((await refused.json()).code).toBe('too-many');
    expect(await me.stored()).toHaveLength(3);
    expect((await me.request('/memo')).status).toBe(200);
    expect((await other.send('POST', '/memo', { text: '남의 글' })).status).toBe(201);
  });

  test('returns the text of a form that it refuses', async () => {
    const { logIn } = createTestApp({ env: { WRITES_PER_MINUTE: '1' } });
    const me = await logIn();
    await me.post('/memo', { text: '하나' });
    const refused = await me.post('/memo', { text: '둘' });
    expect(refused.status).toBe(429);
    expect(await refused.text()).toContain('둘</textarea>');
    expect(await me.stored()).toHaveLength(1);
  });

  test('lets a person empty the trash, which makes room, when Redis is too full to count', async () => {
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

  test('counts every way to change something, and nothing with 0', async () => {
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

describe('the login limit', () => {
  test('applies to each /64 of IPv6, and to leaving for Naver and coming back apart', async () => {
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

  test('does not apply with 0', async () => {
    const { app } = createTestApp({ env: { LOGINS_PER_MINUTE: '0' } });
    const request = from(`10.2.${Date.now() % 250}.${process.pid % 250}`);
    for (let i = 0; i < 30; i++) {
      const response = await app.request('/login', request, request.env);
      expect([response.status, response.headers.get('RateLimit')]).toEqual([302, null]);
    }
  });

  test('ignores X-Forwarded-For when no proxy of ours is configured', async () => {
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

describe('the address of a client', () => {
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
  ])(
    'at the peer %s, with X-Forwarded-For %s and %i proxies of ours, is %s',
    async (peer, forwarded, proxies, expected) => {
      const app = new Hono<Env>().get('/', (c) => c.text(clientAddress(c, proxies)));
      const request = from(peer, forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded });
      expect(await (await app.request('/', request, request.env)).text()).toBe(expected);
    },
  );
});
