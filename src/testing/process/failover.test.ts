/** A primary dies under load: under sentinels and in a cluster, with replicas that take its place. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { findFreePort, findRedis, type PrivateRedis, startRedis } from '../../../scripts/redis.ts';
import { startFaultProxy } from '../fault-proxy.ts';
import { startServer } from '../server.ts';
import {
  ask,
  compare,
  connectTo,
  createPerson,
  expectReady,
  navigate,
  type Person,
  startWriters,
} from '../stage.ts';

const PASSWORD = 'failover';
const auth = `:${PASSWORD}@`;

/** A folder, and Redis servers in it that end with the test. */
async function makeHouse() {
  const dir = await mkdtemp(join(tmpdir(), 'memo-failover-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  return {
    dir,
    async start(name: string, config: Record<string, string>): Promise<PrivateRedis> {
      const redis = await startRedis({
        dir: join(dir, name),
        password: PASSWORD,
        config: {
          masterauth: PASSWORD,
          'min-replicas-to-write': '1',
          // Five seconds by default, for others that may want the same snapshot.
          'repl-diskless-sync-delay': '0',
          ...config,
        },
      });
      onTestFinished(() => redis.kill());
      return redis;
    },
  };
}

/**
 * Waits until a primary's only replica has all that it has. A new replica counts for
 * `min-replicas-to-write` from the end of its snapshot on, and is sent what is written since then
 * only after its first word, up to a second later: what is acknowledged in between is on one machine.
 */
const expectInStep = (primary: Redis) =>
  expect
    .poll(() => primary.info('replication'), { timeout: 10_000 })
    .toMatch(/state=online,offset=(\d+),[\s\S]*\nmaster_repl_offset:\1\r/);

const tell = (what: string, tally: ReturnType<typeof compare>, took: number) =>
  console.log(
    `${what}: ${tally.acknowledged} acknowledged, ${tally.lost.length} lost, ${tally.doubled.length} doubled; writing again after ${took} ms`,
  );

/** How long nobody was answered with a success, at the longest, in ms. */
function watchGaps(tally: { acknowledged: string[][] }) {
  const count = () => tally.acknowledged.reduce((sum, it) => sum + it.length, 0);
  let [seen, since, longest] = [count(), performance.now(), 0];
  const timer = setInterval(() => {
    if (count() > seen) [seen, since] = [count(), performance.now()];
    longest = Math.max(longest, Math.round(performance.now() - since));
  }, 10);
  onTestFinished(() => clearInterval(timer));
  return () => longest;
}

/** Somebody's open page: what it has been told so far. */
async function openPage(url: string, { cookie }: Person) {
  const stream = await fetch(`${url}/memo/events`, { headers: { Cookie: cookie } });
  let heard = '';
  void (async () => {
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) heard += chunk;
  })().catch(() => {}); // it ends with the server
  return {
    /** how often something has changed */
    count: () => heard.split('event: changed\n').length - 1,
    hasHeardOf: (tab: string) => heard.includes(`data: ${tab}\n`),
  };
}
type Page = Awaited<ReturnType<typeof openPage>>;

/** Writes, as a tab of that name. @returns the status */
const writeAs = async (tab: string, url: string, person: Person) =>
  (
    await ask(`${url}/memo`, person, {
      method: 'POST',
      body: { text: tab },
      headers: { 'Memo-Tab': tab },
    })
  ).status;

/** A change makes the page look again, whatever goes on; and sooner or later, it is told who made one. */
async function expectNews(page: Page, tab: string, url: string, person: Person): Promise<void> {
  const known = page.count();
  const slow = { timeout: 20_000 };
  await expect.poll(() => writeAs(tab, url, person), slow).toBe(201);
  await expect.poll(page.count, slow).toBeGreaterThan(known);
  await expect
    .poll(async () => [await writeAs(tab, url, person), page.hasHeardOf(tab)], slow)
    .toEqual([201, true]);
}

/** A primary and its replica, in step, and sentinels that know each other and both. */
async function startWithSentinels(count: number) {
  const house = await makeHouse();
  const primary = await house.start('primary', {});
  const replica = await house.start('replica', { replicaof: `127.0.0.1 ${primary.port}` });
  const program = await findRedis();
  const ports: number[] = [];
  while (ports.length < count) ports.push(await findFreePort());
  for (const port of ports) {
    const file = join(house.dir, `sentinel-${port}.conf`);
    await writeFile(
      file,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${house.dir}`,
        `sentinel monitor memo 127.0.0.1 ${primary.port} ${Math.ceil((count + 1) / 2)}`,
        `sentinel auth-pass memo ${PASSWORD}`,
        'sentinel down-after-milliseconds memo 1000',
        'sentinel failover-timeout memo 5000',
      ].join('\n'),
    );
    const sentinel = spawn(program.path, [file, '--sentinel'], {
      env: { ...process.env, ...program.env },
      stdio: 'ignore',
    });
    onTestFinished(() => void sentinel.kill('SIGKILL'));
  }
  const sentinel = new Redis(ports[0]!, { enableReadyCheck: false, retryStrategy: () => 50 });
  sentinel.on('error', () => {}); // until it listens
  onTestFinished(() => sentinel.disconnect());
  const query = (...args: string[]) => sentinel.call('SENTINEL', ...args);
  await expect
    .poll(async () => String(await query('CKQUORUM', 'memo').catch(String)), { timeout: 15_000 })
    .toContain(`OK ${count} usable`);
  await expect.poll(async () => ((await query('REPLICAS', 'memo')) as unknown[]).length).toBe(1);
  const admin = connectTo(primary.url);
  await expectInStep(admin);
  return { primary, admin, replica, ports, sentinel };
}

test('three sentinels put a replica into the place of a primary that was killed', {
  timeout: 60_000,
}, async () => {
  const { primary, admin, replica, ports } = await startWithSentinels(3);
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
  const server = await startServer({ REDIS_URL: `redis+sentinel://${auth}${hosts}/memo` });
  const url = `http://127.0.0.1:${server.port}`;
  await expectReady(url);
  const person = await createPerson(admin);
  const writers = startWriters([url], person);
  const gap = watchGaps(writers.tally);
  await expect
    .poll(() => writers.tally.acknowledged.flat().length, { timeout: 10_000 })
    .toBeGreaterThan(50);
  await primary.kill();
  const promoted = connectTo(replica.url);
  await expect.poll(async () => (await promoted.role())[0], { timeout: 20_000 }).toBe('master');
  // It has no replica of its own now: writes are refused until somebody decides otherwise.
  await promoted.config('SET', 'min-replicas-to-write', '0');
  const before = writers.tally.acknowledged.flat().length;
  await expect
    .poll(() => writers.tally.acknowledged.flat().length, { timeout: 20_000 })
    .toBeGreaterThan(before + 50);
  const tally = await writers.stop();
  const stored = (await promoted.lrange(`user:${person.id}:memos`, 0, -1)).map(
    (memo) => JSON.parse(memo).text,
  );
  const result = compare(tally, stored);
  tell('sentinels', result, gap());
  expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
  // The connection for lists follows the first one to the new primary.
  await expect.poll(async () => (await ask(`${url}/memo`, person)).status).toBe(200);
});

test('a failover that is told while the server asks who is primary does not end its connections', {
  timeout: 60_000,
}, async () => {
  const { primary, admin, replica, ports, sentinel } = await startWithSentinels(1);
  const proxy = await startFaultProxy(ports[0]!);
  const server = await startServer({
    REDIS_URL: `redis+sentinel://${auth}127.0.0.1:${proxy.port}/memo`,
  });
  const url = `http://127.0.0.1:${server.port}`;
  await expectReady(url);
  const person = await createPerson(admin);
  const page = await openPage(url, person);

  const hearer = sentinel.duplicate();
  onTestFinished(() => hearer.disconnect());
  await hearer.subscribe('+switch-master');
  const told = new Promise((resolve) => hearer.once('message', resolve));
  // The server's three connections listen, too.
  await expect
    .poll(async () => String(await sentinel.client('LIST', 'TYPE', 'PUBSUB')))
    .toSatisfy((list: string) => list.match(/ sub=1 /g)?.length === 4);
  // It goes on asking until the wire is good again, and hears of the failover on the wires that it has.
  proxy.set({ deaf: true });
  await primary.kill();
  await told;
  await connectTo(replica.url).config('SET', 'min-replicas-to-write', '0');
  proxy.set({});
  await expectReady(url);
  // Ready does not mean that it listens again: what is missed until then is no news.
  await expect
    .poll(async () => [await writeAs('another', url, person), page.hasHeardOf('another')], {
      timeout: 10_000,
    })
    .toEqual([201, true]);
});

/** Where the slots of each of three primaries begin, and the last ones end. */
const slots = [0, 5461, 10923, 16384];

/** Which of three primaries has this slot, unless it was moved. */
const primaryOf = (slot: number) => [0, 1, 2].find((i) => slot < slots[i + 1]!)!;

/** Three primaries, each with a replica, with all slots served. */
async function startCluster(house: Awaited<ReturnType<typeof makeHouse>>) {
  const config = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '1500' };
  const nodes = await Promise.all(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((name) =>
      house.start(name, { ...config, 'min-replicas-to-write': '0' }),
    ),
  );
  const clients = nodes.map((node) => connectTo(node.url));
  for (const [i, client] of clients.entries()) {
    if (i < 3) await client.cluster('ADDSLOTSRANGE', slots[i]!, slots[i + 1]! - 1);
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
  }
  for (const node of nodes.slice(1)) await clients[0]!.cluster('MEET', '127.0.0.1', node.port);
  const info = () =>
    Promise.all(clients.map((client) => client.cluster('INFO') as Promise<string>));
  await expect
    .poll(info, { timeout: 20_000 })
    .toSatisfy((all: string[]) => all.every((it) => /known_nodes:6/.test(it)));
  const ids = (await Promise.all(
    clients.map((client) => client.call('CLUSTER', 'MYID')),
  )) as string[];
  for (let i = 0; i < 3; i++) {
    await expect
      .poll(() => clients[i + 3]!.call('CLUSTER', 'REPLICATE', ids[i]!).catch(String), {
        timeout: 10_000,
      })
      .toBe('OK');
  }
  await expect
    .poll(info, { timeout: 20_000 })
    .toSatisfy((all: string[]) => all.every((it) => /cluster_state:ok/.test(it)));
  await Promise.all(clients.slice(0, 3).map(expectInStep));
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return { nodes, clients, ids, url: `redis+cluster://${auth}${hosts}` };
}

function connectToCluster(nodes: PrivateRedis[]): Cluster {
  const client = new Cluster(
    nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
    { redisOptions: { password: PASSWORD } },
  );
  client.on('error', () => {}); // one of its nodes is killed on purpose
  onTestFinished(() => client.disconnect());
  return client;
}

/** How often a node has told somebody to ask another one. */
async function countRedirections(node: Redis, kind: 'ASK' | 'MOVED'): Promise<number> {
  const count = new RegExp(`errorstat_${kind}:count=(\\d+)`);
  return Number(count.exec(await node.info('errorstats'))?.[1] ?? 0);
}

/** Moves a slot, for whose keys somebody keeps asking, from one primary to another. */
async function moveSlot(
  { nodes, clients, ids }: Awaited<ReturnType<typeof startCluster>>,
  slot: number,
  from: number,
  to: number,
): Promise<void> {
  const [source, target] = [clients[from]!, clients[to]!];
  const known = await countRedirections(source, 'ASK');
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from]!);
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to]!);
  for (;;) {
    const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 10)) as string[];
    if (keys.length === 0) break;
    const place = ['127.0.0.1', nodes[to]!.port, '', 0, 5000] as const;
    await source.call('MIGRATE', ...place, 'AUTH', PASSWORD, 'KEYS', ...keys);
    // In the middle of the move, whoever asks for what has gone is told to ask there, this once.
    await expect
      .poll(() => countRedirections(source, 'ASK'), { timeout: 10_000 })
      .toBeGreaterThan(known + 10);
  }
  for (const node of [target, source])
    await node.call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to]!);
  // Moves that overtake each other's news can leave a cluster at odds about who has the slot.
  const epoch = async (node: Redis) =>
    /current_epoch:\d+/.exec((await node.cluster('INFO')) as string)?.[0];
  await expect
    .poll(async () => new Set(await Promise.all(clients.slice(0, 3).map(epoch))).size, {
      interval: 10,
    })
    .toBe(1);
}

/** Asks every route of a person's once, and looks at what it has left in Redis. */
async function useEverything(url: string, person: Person, redis: Cluster): Promise<void> {
  const steps: string[] = [];
  const send = async (status: number, method: string, path: string, body?: unknown) => {
    const answer = await ask(url + encodeURI(path), person, { method, body });
    steps.push(`${method} ${path}`);
    expect([...steps, answer.status]).toEqual([...steps, status]);
    return answer;
  };
  const post = (path: string, fields: Record<string, string>) =>
    send(303, 'POST', path, new URLSearchParams(fields));
  const write = async (text: string) =>
    JSON.parse((await send(201, 'POST', '/memo', { text })).text).id as number;
  const version = async (id: number) =>
    JSON.parse((await send(200, 'GET', `/memo/${id}`)).text).edited ?? id;

  const stream = await fetch(`${url}/memo/events`, { headers: { Cookie: person.cookie } });
  const id = await write('- [ ] 글');
  let heard = '';
  for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
    heard += chunk;
    if (heard.includes('event: changed')) break;
  }

  for (const path of ['/', '/memo', '/memo?q=글', '/trash', '/sessions']) {
    await send(200, 'GET', path);
  }
  await send(200, 'PATCH', `/memo/${id}`, { text: '- [ ] 새 글', pin: true });
  await post(`/memo/${id}`, { text: '- [ ] 더 새 글', version: String(await version(id)) });
  const task = { version: String(await version(id)), line: '0', done: 'true' };
  await post(`/memo/${id}/task`, task);
  await post(`/memo/${id}/pin`, { pin: 'false' });
  await post(`/memo/${id}/pin`, { pin: 'true' });
  await send(204, 'DELETE', `/memo/${id}`);
  await send(200, 'POST', `/memo/${id}/restore`);
  const [purged, emptied] = [await write('지운 글'), await write('버린 글')];
  for (const it of [purged, emptied]) await post(`/memo/${it}/delete`, {});
  await post(`/trash/${purged}/purge`, {});
  const trash = await redis.lrange(`user:${person.id}:trash`, 0, -1);
  expect(trash.map((memo) => JSON.parse(memo).text)).toEqual(['버린 글']);
  await post('/trash/empty', {});
  await post('/settings', { theme: 'dark' });
  expect((await navigate(`${url}/login`)).status).toBe(302);

  expect(await redis.exists(`user:${person.id}:trash`)).toBe(0);
  expect(await redis.smembers(`user:${person.id}:pins`)).toEqual([String(id)]);
  expect(await person.stored()).toEqual(['- [x] 더 새 글']);

  const others = [await createPerson(redis, person.id), await createPerson(redis, person.id)];
  const { text } = await send(200, 'GET', '/sessions');
  const [, session] = /sessions\/([0-9a-f]{16})\/end/.exec(text)!;
  await post(`/sessions/${session}/end`, {});
  const isIn = await Promise.all(
    others.map(async (other) => (await ask(`${url}/memo`, other)).status === 200),
  );
  expect(isIn.toSorted()).toEqual([false, true]);
  const last = others[isIn.indexOf(true)]!;
  const leave = { method: 'POST', body: new URLSearchParams() };
  expect((await ask(`${url}/logout`, last, leave)).status).toBe(303);
  expect((await ask(`${url}/memo`, last)).status).toBe(401);
  const gone = await createPerson(redis);
  expect((await ask(`${url}/sessions/end`, gone, leave)).status).toBe(303);
  expect((await ask(`${url}/memo`, gone)).status).toBe(401);
  expect(await redis.exists(`user:${gone.id}:sessions`)).toBe(0);
}

/** Reads a person's memos from wherever they lie. */
async function readFrom(cluster: Awaited<ReturnType<typeof startCluster>>, id: string) {
  const client = connectToCluster(cluster.nodes);
  return (await client.lrange(`user:${id}:memos`, 0, -1)).map((memo) => JSON.parse(memo).text);
}

test('in a cluster every route works, a primary may die, slots may move, and news arrive', {
  timeout: 90_000,
}, async () => {
  const house = await makeHouse();
  const cluster = await startCluster(house);
  const { nodes, clients } = cluster;
  const server = await startServer({ REDIS_URL: cluster.url });
  const url = `http://127.0.0.1:${server.port}`;
  await expectReady(url);

  // People whose keys lie on different nodes.
  const admin = connectToCluster(nodes);
  const people = [];
  for (let i = 0; i < 6; i++) people.push(await createPerson(admin));
  for (const person of people) await useEverything(url, person, admin);

  // Somebody writes while the slot of their memos moves to another node.
  const mover = people[0]!;
  const moving = startWriters([url], mover, 2);
  await expect
    .poll(() => moving.tally.acknowledged.flat().length, { timeout: 10_000 })
    .toBeGreaterThan(20);
  const key = `user:${mover.id}:memos`;
  const slot = Number(await clients[0]!.cluster('KEYSLOT', key));
  let from = primaryOf(slot);
  let to = (from + 1) % 3;
  for (let moves = 1; ; moves++) {
    const known = await countRedirections(clients[from]!, 'MOVED');
    await moveSlot(cluster, slot, from, to);
    const before = moving.tally.acknowledged.flat().length;
    await expect
      .poll(() => moving.tally.acknowledged.flat().length, { timeout: 10_000 })
      .toBeGreaterThan(before + 20);
    // Once it is over, all are at the new place.
    expect(await clients[to]!.llen(key)).toBeGreaterThan(before + 20);
    // Whoever asked at the old one was told so. The server itself looks each second who has what: if it
    // looked just then, it had to be told nothing, and another move has to show it.
    if ((await countRedirections(clients[from]!, 'MOVED')) > known) break;
    expect(moves).toBeLessThan(5);
    [from, to] = [to, from];
  }
  const moved = compare(await moving.stop(), await readFrom(cluster, mover.id));
  tell('a slot moved', moved, 0);
  expect(moved).toMatchObject({ lost: [], doubled: [], disordered: [] });

  // The primary with somebody's memos dies.
  const victim = people.find(({ id }) => id !== mover.id)!;
  const hit = Number(await clients[0]!.cluster('KEYSLOT', `user:${victim.id}:memos`));
  const node = primaryOf(hit);

  // Somebody else's pages are open at two more servers, one of which may not use sharded channels.
  // Their channel lies on that primary, too, and its slot goes away, comes back, and both at once.
  const account = '+@read +@write +@scripting +@pubsub +@connection +time -@dangerous +info';
  const places = '~user:* ~session:* ~state:* ~login:* ~memo:ready resetchannels &user:*:changes';
  const limits = [
    ...places.split(' '),
    ...account.split(' '),
    '+cluster|slots',
    '+cluster|info',
    '-spublish',
  ];
  for (const it of clients) await it.call('ACL', 'SETUSER', 'limited', 'on', '>secret', ...limits);
  const servers = await Promise.all(
    [auth, 'limited:secret@'].map((it) =>
      startServer({ REDIS_URL: cluster.url.replace(auth, it) }),
    ),
  );
  const [second, limited] = servers.map(({ port }) => `http://127.0.0.1:${port}`) as [
    string,
    string,
  ];
  let hearer: Person;
  let channel: string;
  let channelSlot: number;
  do {
    hearer = await createPerson(admin);
    channel = `user:${hearer.id}:changes`;
    channelSlot = Number(await clients[0]!.cluster('KEYSLOT', channel));
  } while (channelSlot === slot || primaryOf(channelSlot) !== node);
  const [page, limitedPage] = [await openPage(second, hearer), await openPage(limited, hearer)];
  expect(await clients[node]!.call('PUBSUB', 'SHARDNUMSUB', channel)).toEqual([channel, 1]);
  expect(await clients[node]!.pubsub('NUMSUB', channel)).toEqual([channel, 1]);
  await expectNews(page, 'sharded', url, hearer);
  await expectNews(limitedPage, 'plain', limited, hearer);
  const [away, back] = [
    [channelSlot, node, (node + 1) % 3],
    [channelSlot, (node + 1) % 3, node],
  ] as const;
  for (const [i, moves] of [[away], [back], [away, back]].entries()) {
    for (const move of moves) await moveSlot(cluster, ...move);
    await expectNews(page, `moved_${i}`, url, hearer);
  }
  await expectNews(limitedPage, 'still_plain', limited, hearer);

  await clients[node]!.config('SET', 'min-replicas-to-write', '1');
  const writers = startWriters([url], victim);
  const gap = watchGaps(writers.tally);
  await expect
    .poll(() => writers.tally.acknowledged.flat().length, { timeout: 10_000 })
    .toBeGreaterThan(50);
  await nodes[node]!.kill();
  const told = [
    expectNews(page, 'failed_over', url, hearer),
    expectNews(limitedPage, 'still_limited', limited, hearer),
  ];
  await expect
    .poll(async () => (await clients[node + 3]!.role())[0], { timeout: 20_000 })
    .toBe('master');
  const then = writers.tally.acknowledged.flat().length;
  await expect
    .poll(() => writers.tally.acknowledged.flat().length, { timeout: 20_000 })
    .toBeGreaterThan(then + 50);
  await Promise.all(told);
  const tally = await writers.stop();
  const stored = await readFrom(cluster, victim.id);
  const result = compare(tally, stored);
  tell('a primary of the cluster killed', result, gap());
  expect(result).toMatchObject({ lost: [], doubled: [], disordered: [] });
});
