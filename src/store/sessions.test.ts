import { createHash } from 'node:crypto';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { SESSIONS_PER_PERSON } from '../memo/bounds.ts';
import type { Person } from '../memo/person.ts';
import { connect, newId } from '../testing/app.ts';
import { createSessionStore, pseudonymOf, randomToken, type SessionStore } from './sessions.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const redis = connect();
const START = Date.now();
let time = START;
/** A store whose clock the tests set. */
const sessions = createSessionStore(redis, () => time);

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const sessionKey = (token: string) => `session:${sha256(token)}`;
const person = (): Person => ({ id: newId(), name: '김메모' });

/** Expects a TTL in ms, less a few seconds for the test's own time. */
async function expectTtl(key: string, expected: number) {
  const ttl = await redis.pttl(key);
  expect(ttl).toBeLessThanOrEqual(expected);
  expect(ttl).toBeGreaterThan(expected - 10_000);
}

describe('a login', () => {
  test('stores the person as {"id","name"}, without other members', async () => {
    const user = { name: '이"초\\롱 😀', nickname: 'x', id: newId() };
    const token = await sessions.begin(user);
    expect(await redis.get(`user:${user.id}`)).toBe(
      `{"id":"${user.id}","name":"이\\"초\\\\롱 😀"}`,
    );
    expect((await sessions.find(token))!.name).toBe('이"초\\롱 😀');
  });

  test('returns a token of 32 random bytes, and stores only its SHA-256', async () => {
    const user = person();
    const token = await sessions.begin(user, 'Browser/1');
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(await redis.get(sessionKey(token))).toBe(
      JSON.stringify({
        user: user.id,
        name: user.name,
        person: pseudonymOf(user.id),
        began: time,
        used: time,
        browser: 'Browser/1',
      }),
    );
    expect(await redis.smembers(`user:${user.id}:sessions`)).toEqual([sha256(token)]);
    expect(await redis.exists(`session:${token}`)).toBe(0);
  });

  test('never returns the same token twice', async () => {
    const tokens = Array.from({ length: 1000 }, randomToken);
    expect(new Set(tokens).size).toBe(1000);
    expect(tokens.every((token) => /^[\w-]{43}$/.test(token))).toBe(true);
  });

  test('stores Naver’s name at this login in the session', async () => {
    const user = person();
    await sessions.begin(user);
    const token = await sessions.begin({ ...user, name: '김새이름' });
    expect((await sessions.find(token))!.name).toBe('김새이름');
  });

  test('of an older version, whose session has no name, gets the stored name of the person', async () => {
    const user = person();
    const token = await sessions.begin(user);
    const old = { user: user.id, began: time, used: time, browser: '' };
    await redis.set(sessionKey(token), JSON.stringify(old));
    const find = async (stored: string) => {
      await redis.set(`user:${user.id}`, stored);
      return sessions.find(token);
    };
    const names = [
      // As memo.py writes it.
      [`{"id": "${user.id}", "name": "\\uae40\\uba54\\ubaa8"}`, '김메모'],
      [`{"id": "${user.id}", "name": null}`, undefined],
      ['not JSON', undefined],
    ] as const;
    for (const [stored, name] of names) {
      expect(await find(stored)).toEqual({
        userId: user.id,
        hash: sha256(token),
        name,
        person: pseudonymOf(user.id),
      });
    }
  });

  test('on another device starts another session', async () => {
    const user = person();
    const [phone, laptop] = [await sessions.begin(user), await sessions.begin(user)];
    expect(phone).not.toBe(laptop);
    expect((await redis.smembers(`user:${user.id}:sessions`)).sort()).toEqual(
      [sha256(phone), sha256(laptop)].sort(),
    );
    expect(await sessions.find(phone)).toMatchObject({ userId: user.id, hash: sha256(phone) });
    expect(await sessions.find(laptop)).toMatchObject({ userId: user.id, hash: sha256(laptop) });
  });

  test('does not change the memos', async () => {
    const user = person();
    await redis.rpush(`user:${user.id}:memos`, '{"text": "옛 메모"}');
    await sessions.begin(user);
    expect(await redis.lrange(`user:${user.id}:memos`, 0, -1)).toEqual(['{"text": "옛 메모"}']);
    expect(await redis.ttl(`user:${user.id}:memos`)).toBe(-1);
    expect(await redis.ttl(`user:${user.id}`)).toBe(-1);
  });
});

describe('a session', () => {
  afterEach(() => {
    time = START;
  });

  test('lasts 30 days without use', async () => {
    const user = person();
    const token = await sessions.begin(user);
    await expectTtl(sessionKey(token), 30 * DAY);
    await expectTtl(`user:${user.id}:sessions`, 180 * DAY);
    time = START + 30 * DAY;
    expect(await sessions.find(token)).toBeUndefined();
    time = START + 30 * DAY - 1000;
    expect(await sessions.find(token)).toBeDefined();
    time = START + 59 * DAY;
    expect(await sessions.find(token)).toBeDefined();
  });

  test('has its TTL reset to 30 days by use, at most once an hour', async () => {
    const token = await sessions.begin(person());
    await redis.pexpire(sessionKey(token), 29 * DAY); // so that a reset is visible

    time = START + 58 * MINUTE;
    expect(await sessions.find(token)).toBeDefined();
    await expectTtl(sessionKey(token), 29 * DAY);

    time = START + 62 * MINUTE;
    expect(await sessions.find(token)).toBeDefined();
    await expectTtl(sessionKey(token), 30 * DAY);
    await redis.pexpire(sessionKey(token), 29 * DAY);

    time = START + 120 * MINUTE;
    expect(await sessions.find(token)).toBeDefined();
    await expectTtl(sessionKey(token), 29 * DAY);
  });

  test('ends when its key expires', async () => {
    const token = await sessions.begin(person());
    await redis.pexpire(sessionKey(token), 1);
    await expect.poll(() => redis.exists(sessionKey(token))).toBe(0);
    expect(await sessions.find(token)).toBeUndefined();
    expect(await redis.exists(sessionKey(token))).toBe(0);
  });

  test('ends after 180 days, however often it is used', async () => {
    const token = await sessions.begin(person());
    for (const day of [29, 58, 87, 116, 145, 170]) {
      time = START + day * DAY;
      expect(await sessions.find(token)).toBeDefined();
    }
    await expectTtl(sessionKey(token), 10 * DAY);

    time = START + 180 * DAY - 1000;
    expect(await sessions.find(token)).toBeDefined();
    time = START + 180 * DAY;
    expect(await sessions.find(token)).toBeUndefined();
  });

  test('that was stored without "used" by an older version is prolonged by use', async () => {
    const user = person();
    const token = await sessions.begin(user);
    const old = JSON.stringify({ user: user.id, began: START - 29 * DAY });
    await redis.set(sessionKey(token), old, 'PX', DAY);
    expect(await sessions.find(token)).toBeDefined();
    await expectTtl(sessionKey(token), 30 * DAY);
    expect(JSON.parse((await redis.get(sessionKey(token)))!).used).toBe(START);
  });

  test('ends without an effect on others, and ending it again does nothing', async () => {
    const user = person();
    const [phone, laptop] = [await sessions.begin(user), await sessions.begin(user)];
    const session = (await sessions.find(phone))!;
    await sessions.end(session);
    await sessions.end(session);
    expect(await sessions.find(phone)).toBeUndefined();
    expect(await redis.exists(sessionKey(phone))).toBe(0);
    expect(await redis.smembers(`user:${user.id}:sessions`)).toEqual([sha256(laptop)]);
    expect(await sessions.find(laptop)).toBeDefined();
    expect((await sessions.find(laptop))!.name).toBe(user.name);
  });

  test('is found only by its exact token', async () => {
    const user = person();
    const token = await sessions.begin(user);
    const hash = sha256(token);
    for (const value of [
      '',
      user.id,
      hash, // known to a reader of Redis
      `session:${hash}`,
      token.slice(1),
      `${token}x`,
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      token.replace(/./, (first) => (first === 'A' ? 'B' : 'A')),
      randomToken(),
      '*'.repeat(43),
      '%00'.repeat(15).slice(0, 43),
      'x'.repeat(100_000),
    ]) {
      expect(await sessions.find(value)).toBeUndefined();
    }
    expect(await sessions.find(token)).toBeDefined();
  });
});

describe('the set of a person’s sessions', () => {
  test('loses exactly the ended sessions at the next login', async () => {
    const user = person();
    const key = `user:${user.id}:sessions`;
    const tokens = [];
    for (let i = 0; i < 5; i++) tokens.push(await sessions.begin(user));
    const [a, b, c, d, e] = tokens.map(sha256);
    await redis.del(`session:${a}`, `session:${c}`);
    expect(await redis.scard(key)).toBe(5);

    const token = await sessions.begin(user);
    expect((await redis.smembers(key)).sort()).toEqual([b, d, e, sha256(token)].sort());
  });

  test('loses ended sessions when it is listed, and is empty without a login', async () => {
    const user = person();
    const token = await sessions.begin(user);
    expect(await sessions.list(user.id)).toHaveLength(1);
    expect(await redis.smembers(`user:${user.id}:sessions`)).toEqual([sha256(token)]);
    await redis.del(sessionKey(token));
    expect(await sessions.list(user.id)).toEqual([]);
    expect(await redis.exists(`user:${user.id}:sessions`)).toBe(0);

    const stranger = newId();
    expect(await sessions.list(stranger)).toEqual([]);
    expect(await redis.exists(`user:${stranger}:sessions`)).toBe(0);
  });

  test('loses another person’s session, which does not end', async () => {
    const [user, other] = [person(), person()];
    const theirs = sha256(await sessions.begin(other));
    const token = await sessions.begin(user);
    await redis.sadd(`user:${user.id}:sessions`, theirs);
    expect((await sessions.list(user.id)).map(({ id }) => id)).toEqual([
      sha256(token).slice(0, 16),
    ]);
    expect(await redis.smembers(`user:${user.id}:sessions`)).toEqual([sha256(token)]);
    expect(await redis.exists(`session:${theirs}`)).toBe(1);
  });
});

describe('the limit of sessions of one person', () => {
  const limited = (onEnded?: (userId: string) => void) =>
    createSessionStore(redis, () => time, onEnded);

  /** Stores sessions, each last used a minute after the one before, without the limit. */
  async function plant(user: Person, count: number): Promise<string[]> {
    const hashes = Array.from({ length: count }, (_, i) => sha256(`${user.id} ${i}`));
    const sessions = hashes.flatMap((hash, i) => {
      const used = START - (count - i) * MINUTE;
      const session = { user: user.id, began: START - 100 * DAY, used, browser: `${i}` };
      return [`session:${hash}`, JSON.stringify(session)];
    });
    await redis.mset(...sessions);
    await redis.sadd(`user:${user.id}:sessions`, ...hashes);
    return hashes;
  }
  const alive = async (hashes: string[]) => {
    const found = await redis.mget(hashes.map((hash) => `session:${hash}`));
    return hashes.filter((_, i) => found[i] !== null);
  };
  const listed = async ({ id }: Person) => (await redis.smembers(`user:${id}:sessions`)).sort();

  test('ends the least recently used session, and notifies its owner’s pages', async () => {
    const [user, other] = [person(), person()];
    const hashes = await plant(user, SESSIONS_PER_PERSON);
    const theirs = await plant(other, 3);
    // The oldest is used again, so the second is the least recently used now.
    await redis.set(
      `session:${hashes[0]}`,
      JSON.stringify({ user: user.id, began: START - 100 * DAY, used: START, browser: '' }),
    );
    const ended: string[] = [];
    const token = await limited((userId) => ended.push(userId)).begin(user);
    const left = [hashes[0]!, ...hashes.slice(2), sha256(token)];
    expect(await alive([...hashes, sha256(token)])).toEqual(left);
    expect(await listed(user)).toEqual(left.toSorted());
    expect(ended).toEqual([user.id]);
    expect(await alive(theirs)).toEqual(theirs);
  });

  test('ends no session when it is reached exactly', async () => {
    const user = person();
    const hashes = await plant(user, SESSIONS_PER_PERSON - 1);
    const ended: string[] = [];
    const store = limited((userId) => ended.push(userId));
    await store.begin(user);
    expect(await store.list(user.id)).toHaveLength(SESSIONS_PER_PERSON);
    expect(await alive(hashes)).toEqual(hashes);
    expect(ended).toEqual([]);
  });

  test.each([
    ['the list', async (store: SessionStore, user: Person) => store.list(user.id)],
    ['a login', async (store: SessionStore, user: Person) => store.begin(user)],
  ])(
    'trims thousands of sessions of an older version by %s, while other clients are served',
    async (_, look) => {
      const user = person();
      const hashes = await plant(user, inject('thorough') ? 20_000 : 8_000);
      const ended: string[] = [];
      let isDone = false;
      const looking = look(
        limited((userId) => ended.push(userId)),
        user,
      ).finally(() => {
        isDone = true;
      });
      const other = connect();
      let turns = 0;
      for (; !isDone; turns++) await other.ping();
      await looking;
      expect(turns).toBeGreaterThan(20);
      const left = await listed(user);
      const list = await sessions.list(user.id);
      expect(list).toHaveLength(SESSIONS_PER_PERSON);
      expect(list.map(({ used }) => used)).toEqual(
        list.map(({ used }) => used).sort((a, b) => b - a),
      );
      // The most recently used ones, and the new one.
      expect(left).toHaveLength(SESSIONS_PER_PERSON);
      expect(left).toEqual(expect.arrayContaining(hashes.slice(1 - SESSIONS_PER_PERSON)));
      expect(await alive(hashes.slice(0, -SESSIONS_PER_PERSON))).toEqual([]);
      expect(ended).toEqual([user.id]);
    },
  );

  test('never ends the session of the request that lists them', async () => {
    const user = person();
    const hashes = await plant(user, SESSIONS_PER_PERSON + 5);
    await limited().list(user.id, hashes[2]);
    const left = [hashes[2]!, ...hashes.slice(6)];
    expect(await alive(hashes)).toEqual(left);
    expect(await listed(user)).toEqual(left.toSorted());
  });

  test('does not remove a session that is listed in the middle of its login', async () => {
    const user = person();
    const client = connect();
    for (const command of ['set', 'sadd'] as const) {
      const send = client[command].bind(client) as (...args: unknown[]) => Promise<unknown>;
      Object.assign(client, {
        [command]: async (...args: unknown[]) => {
          await sessions.list(user.id);
          const reply = await send(...args);
          await sessions.list(user.id);
          return reply;
        },
      });
    }
    const token = await createSessionStore(client, () => time).begin(user);
    expect(await sessions.find(token)).toBeDefined();
    expect(await listed(user)).toEqual([sha256(token)]);
  });

  test('holds for concurrent logins, and the set contains exactly the open sessions', async () => {
    const user = person();
    const stores = Array.from({ length: 6 }, () => createSessionStore(connect(), () => time));
    const count = SESSIONS_PER_PERSON + 10;
    const tokens = await Promise.all(
      Array.from({ length: count }, (_, i) => stores[i % stores.length]!.begin(user)),
    );
    await sessions.list(user.id);
    const left = await listed(user);
    expect(left.length).toBeLessThanOrEqual(SESSIONS_PER_PERSON);
    expect((await alive(tokens.map(sha256))).sort()).toEqual(left);
  });
});

describe('a login’s state', () => {
  test('can be used once', async () => {
    const state = randomToken();
    expect(await sessions.isStateUsed(state)).toBe(false);
    expect(await sessions.useState(state)).toBe(true);
    expect(await sessions.isStateUsed(state)).toBe(true);
    expect(await sessions.useState(state)).toBe(false);
    expect(await sessions.useState(randomToken())).toBe(true);
  });

  test('can be used by one of twenty concurrent requests', async () => {
    const state = randomToken();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => sessions.useState(state)));
    expect(outcomes.filter(Boolean)).toHaveLength(1);
  });

  test('is stored as a hash for ten minutes', async () => {
    const state = randomToken();
    await sessions.useState(state);
    await expectTtl(`state:${sha256(state)}`, 10 * MINUTE);
    expect(await redis.get(`state:${sha256(state)}`)).toBe('1');
    expect(await redis.exists(`state:${state}`)).toBe(0);

    // A second use does not extend the TTL.
    await redis.pexpire(`state:${sha256(state)}`, 30_000);
    await sessions.useState(state);
    await expectTtl(`state:${sha256(state)}`, 30_000);
  });
});
