/**
 * What the image and compose.yaml promise, without a Docker engine: the Dockerfile's instructions
 * are carried out one by one in empty folders, and the server is started from what they leave.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DCLinter } from 'dclint';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../src/config.ts';
import { NODE_MAJOR, NODE_OPTIONS } from './node-options.ts';
import { findFreePort, startRedis } from './redis.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '..');
const read = (file: string) => fs.readFile(join(ROOT, file), 'utf8');

let temp: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  temp = await fs.mkdtemp(join(tmpdir(), 'memo-container-'));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

afterAll(async () => {
  await fs.rm(temp, { recursive: true, force: true });
});

describe('the image', () => {
  let stages: Stage[];
  let image: Stage;
  /** The final stage's root, with nothing in it but what its instructions put there. */
  let folder: string;

  beforeAll(async () => {
    stages = readStages(await read('scripts/Dockerfile'));
    image = stages.at(-1)!;
    folder = await carryOut(stages, await readIgnored());
  });

  /** The words after an instruction that the final stage has once. */
  const only = (name: string) => {
    const found = image.instructions.filter((it) => it.name === name);
    expect(found, name).toHaveLength(1);
    return found[0]!.text;
  };

  /** A command in exec form, for the Node of this test. */
  const command = (text: string): string[] => {
    const [program, ...args] = JSON.parse(text.slice(text.indexOf('[')));
    expect(program).toBe('node');
    return args;
  };

  const start = (env: Record<string, string>) => {
    const child = spawn(process.execPath, command(only('CMD')), {
      cwd: join(folder, only('WORKDIR')),
      env: {
        ...Object.fromEntries(
          image.instructions
            .filter(({ name }) => name === 'ENV')
            .map(({ text }) => /^(\w+)="?(.*?)"?$/s.exec(text)!.slice(1)),
        ),
        ...env,
      },
    });
    children.push(child);
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
      output.stdout += data;
    });
    child.stderr.on('data', (data) => {
      output.stderr += data;
    });
    const exited = once(child, 'close').then(([code, signal]) => code ?? signal);
    const answers = async (url: string) => {
      for (;;) {
        const response = await fetch(url).catch(() => undefined);
        if (response) return response.status;
        if (child.exitCode !== null || child.signalCode)
          throw new Error(`it ended: ${output.stderr}`);
        await delay(20);
      }
    };
    return { child, output, exited, answers };
  };

  const configuration = (port: number, redis: string) => ({
    PORT: String(port),
    PUBLIC_URL: 'https://example.com/memo',
    REDIS_URL: redis,
    NAVER_CLIENT_ID: 'id',
    NAVER_CLIENT_SECRET: 'secret',
  });

  const checkHealth = async (port: number) => {
    const text = only('HEALTHCHECK');
    const child = spawn(process.execPath, command(text.slice(text.indexOf('CMD'))), {
      env: { PORT: String(port) },
      stdio: 'ignore',
    });
    children.push(child);
    return (await once(child, 'exit'))[0];
  };

  test('is built on one major version of Node, which the product runs on', async () => {
    expect(new Set(stages.map(({ from }) => from)).size).toBe(1);
    expect(image.from).toMatch(/^node:\d+-slim$/);
    const { engines } = JSON.parse(await read('package.json'));
    expect(Number(/\d+/.exec(image.from)?.[0])).toBeGreaterThanOrEqual(
      Number.parseInt(engines.node.replace('>=', ''), 10),
    );
  });

  test('runs as a user that is not root, given as a number', () => {
    expect(only('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  test('gets its files from the build alone, and runs nothing to install more', () => {
    const copies = image.instructions.filter(({ name }) => name === 'COPY' || name === 'ADD');
    expect(copies.map(({ text }) => text)).toEqual([expect.stringMatching(/^--from=build \/app/)]);
    expect(copies[0]?.text).not.toContain('--chown');
    expect(image.instructions.filter(({ name }) => name === 'RUN')).toEqual([]);
    expect(image.instructions.map(({ text }) => text).join('\n')).not.toMatch(
      /\bnpm\b|node_modules/,
    );
  });

  test('holds the bundle and its static files, and nobody but root could change them', async () => {
    const files = await listFiles(folder);
    expect(files.filter((file) => !file.startsWith('app/cache/'))).toEqual([
      'app/LICENSES.txt',
      'app/assets.json',
      'app/index.js',
    ]);
    for (const file of files) {
      const { mode } = await fs.stat(join(folder, file));
      expect(mode & 0o022, file).toBe(0);
      expect(mode & 0o004, file).not.toBe(0);
    }
  });

  test('is built from what the build needs, and from no secret, no data and no test', async () => {
    const isIgnored = await readIgnored();
    const context = await listFiles(ROOT, (path) => path === 'node_modules' || path === '.git');
    const given = context.filter((path) => !isIgnored(path));
    expect(given.filter((path) => !path.startsWith('src/'))).toEqual([
      '.npmrc',
      'package-lock.json',
      'package.json',
      'scripts/build.ts',
      'tsconfig.json',
    ]);
    expect(given).toContain('src/index.ts');
    expect(given.filter((path) => /\.test\.|testing/.test(path))).toEqual([]);
    for (const path of [
      '.env',
      '.git/config',
      'compose.override.yaml',
      'data/redis.conf',
      'dist/index.js',
      'memo.tgz',
      'node_modules/hono/package.json',
      'scripts/redis.ts',
    ]) {
      expect(isIgnored(path), path).toBe(true);
    }
  });

  test('refuses to start without its variables, in one line that names the first', async () => {
    const server = start({});
    expect(await server.exited).toBe(1);
    expect(server.output).toEqual({
      stdout: '',
      stderr: expect.stringMatching(/^memo: PUBLIC_URL is missing.*\n$/),
    });
  });

  test.skipIf(!process.version.startsWith(`v${NODE_MAJOR}.`))(
    'starts with the code that its build has compiled',
    async () => {
      const server = start({ NODE_DEBUG_NATIVE: 'COMPILE_CACHE' });
      await server.exited;
      expect(server.output.stderr).toMatch(/cache for ESM file:.*\/app\/index\.js was accepted/);
    },
  );

  test('is alive while Redis is away, and ends in order when it is told to', async () => {
    const [port, closed] = [await findFreePort(), await findFreePort()];
    const server = start(configuration(port, `redis://127.0.0.1:${closed}`));
    expect(await server.answers(`http://127.0.0.1:${port}/healthz`)).toBe(200);
    expect(await server.answers(`http://127.0.0.1:${port}/readyz`)).toBe(503);
    expect(await checkHealth(port)).toBe(0);
    server.child.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(await checkHealth(port)).not.toBe(0);
  });

  test('is ready with a Redis that runs as compose.yaml says', async () => {
    const { memo_redis } = parse(await read('compose.yaml')).services;
    const [program, ...words] = memo_redis.command;
    expect(program).toBe('redis-server');
    const config: Record<string, string> = {};
    for (let i = 0; i < words.length; i += 2) config[words[i].replace('--', '')] = words[i + 1];

    // Every acknowledged memo is on the disk, and none is thrown out to make room.
    expect(config).toMatchObject({
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
      'maxmemory-policy': 'noeviction',
    });

    const redis = await startRedis({ dir: join(temp, 'redis'), config });
    const client = new Redis(redis.url);
    try {
      // A rewrite of the append-only file may need as much again.
      expect(await client.config('GET', 'maxmemory')).toEqual(['maxmemory', String(2 ** 30)]);
      expect(memo_redis.mem_limit).toBe('2g');

      const port = await findFreePort();
      const server = start(configuration(port, redis.url));
      expect(await server.answers(`http://127.0.0.1:${port}/readyz`)).toBe(200);
      // The page, because it is JSX: without tsconfig.json it would be compiled for React.
      expect(await server.answers(`http://127.0.0.1:${port}/memo`)).toBe(200);
      server.child.kill('SIGINT');
      expect(await server.exited).toBe(0);
    } finally {
      client.disconnect();
      await redis.stop();
    }
  });

  test('is unhealthy when the server is ill, silent or not there', async () => {
    const ill = createServer((_request, response) => response.writeHead(503).end());
    const silent = createServer(() => {});
    try {
      const ports = [];
      for (const server of [ill, silent]) {
        await once(server.listen(0, '127.0.0.1'), 'listening');
        ports.push((server.address() as AddressInfo).port);
      }
      ports.push(await findFreePort());
      expect(await Promise.all(ports.map(checkHealth))).toEqual([1, 1, 1]);
    } finally {
      for (const server of [ill, silent]) {
        server.close();
        server.closeAllConnections();
      }
    }
  });
});

describe('compose.yaml', () => {
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what is tested
  let services: Record<string, any>;
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what is tested
  let volumes: Record<string, any>;

  beforeAll(async () => {
    ({ services, volumes } = parse(await read('compose.yaml')));
  });

  /** The variables that the server gets from an operator who has set these. */
  const handedIn = (operator: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries<string>(services.memo.environment).map(([name, value]) => [
        name,
        interpolate(value, operator),
      ]),
    );

  test('is what the Compose specification allows', async () => {
    const complaints = (file: string) =>
      new DCLinter({ rules: {}, quiet: true, debug: false, exclude: [] })
        .lintFiles([file], false)
        .flatMap(({ messages }) => messages)
        // The rest is a matter of taste.
        .filter(({ rule }) => rule === 'invalid-schema' || rule === 'invalid-yaml')
        .map(({ message }) => message);
    expect(complaints(join(ROOT, 'compose.yaml'))).toEqual([]);

    const wrong = join(temp, 'compose.yaml');
    await fs.writeFile(wrong, (await read('compose.yaml')).replace('read_only:', 'read_olny:'));
    expect(complaints(wrong)).toEqual([expect.stringContaining('/services/memo')]);
  });

  test('hands in every variable that the server reads', async () => {
    const source = await read('src/config.ts');
    const names = Array.from(source.matchAll(/\benv\.([A-Z_]+)|'([A-Z]+(?:_[A-Z]+)+)'/g), (it) =>
      String(it[1] ?? it[2]),
    );
    expect(names).toContain('NAVER_CLIENT_SECRET');
    // The image sets the first; inside the container, the other two never change.
    const fixed = ['NODE_ENV', 'PORT', 'HOST'];
    expect(Object.keys(services.memo.environment).sort()).toEqual(
      [...new Set(names)].filter((name) => !fixed.includes(name)).sort(),
    );
  });

  test('needs the two Naver credentials, and says which one is missing', () => {
    expect(() => handedIn({})).toThrow(/^NAVER_CLIENT_ID: set it to the Client ID/);
    expect(() => handedIn({ NAVER_CLIENT_ID: 'id' })).toThrow(/^NAVER_CLIENT_SECRET: set it/);
  });

  test('is a whole configuration with them', () => {
    const naver = { NAVER_CLIENT_ID: 'id', NAVER_CLIENT_SECRET: 'secret' };
    expect(readConfig({ NODE_ENV: 'production', ...handedIn(naver) })).toMatchObject({
      port: 8000,
      publicUrl: 'http://localhost:8000',
      redis: { kind: 'single', nodes: [{ host: 'memo_redis', port: 6379 }] },
      logLevel: 'info',
    });
    const own = { PUBLIC_URL: 'https://example.com/memo', REDIS_URL: 'rediss://cache.example/1' };
    expect(readConfig({ NODE_ENV: 'production', ...handedIn({ ...naver, ...own }) })).toMatchObject(
      { prefix: '/memo', redis: { tls: true, db: 1 } },
    );
  });

  test('publishes the port that PORT names, and the address that goes with it', () => {
    const operator = { NAVER_CLIENT_ID: 'id', NAVER_CLIENT_SECRET: 'secret', PORT: '9000' };
    expect(services.memo.ports.map((it: string) => interpolate(it, {}))).toEqual(['8000:8000']);
    expect(services.memo.ports.map((it: string) => interpolate(it, operator))).toEqual([
      '9000:8000',
    ]);
    expect(handedIn(operator).PUBLIC_URL).toBe('http://localhost:9000');
  });

  test('builds the server from this checkout', async () => {
    const { build, pull_policy, command, entrypoint, user, healthcheck } = services.memo;
    expect(await fs.stat(join(ROOT, build.context, build.dockerfile))).toBeTruthy();
    expect(pull_policy).toBe('build');
    // Those of the image hold.
    expect([command, entrypoint, user, healthcheck]).toEqual(Array(4).fill(undefined));
  });

  test('keeps the memos in a volume, in a container that the operator knows by name', () => {
    const { image, container_name, volumes: mounts, ports } = services.memo_redis;
    expect(container_name).toBe('memo_redis');
    expect(image).toMatch(/^redis:\d+-alpine$/);
    expect(mounts).toEqual(['memo_redis:/data']);
    expect(volumes).toEqual({ memo_redis: { name: 'memo_redis' } });
    expect(ports).toBeUndefined();
  });

  test('waits until Redis has loaded, brings both back after a crash, and lets both end', () => {
    expect(services.memo.depends_on).toEqual({ memo_redis: { condition: 'service_healthy' } });
    // Before the server handles signals, PID 1 would ignore them.
    expect(services.memo.init).toBe(true);
    expect(services.memo_redis.healthcheck.test).toEqual(['CMD', 'redis-cli', '-e', 'ping']);
    for (const service of Object.values(services)) {
      expect(service.restart).toBe('unless-stopped');
      expect(Number.parseInt(service.stop_grace_period, 10)).toBeGreaterThan(25);
    }
  });

  test('lets the garbage collector hear of the container’s limit before the kernel does', async () => {
    const env = { ...process.env, NODE_OPTIONS };
    const ask = ['-p', 'v8.getHeapStatistics().heap_size_limit'];
    const limit = Number((await run(process.execPath, ask, { env })).stdout);
    const container = Number.parseInt(services.memo.mem_limit, 10) * 2 ** 20;
    // Node itself, and what is not on the heap, need as much again.
    expect(limit).toBeLessThan(0.6 * container);
  });

  test('gives neither of them a privilege, an endless log or all of the machine', () => {
    expect(Object.keys(services)).toEqual(['memo', 'memo_redis']);
    for (const service of Object.values(services)) {
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        pids_limit: expect.any(Number),
        mem_limit: expect.any(String),
        logging: { driver: 'json-file', options: { 'max-size': expect.any(String) } },
      });
      expect(service.cap_add ?? service.privileged).toBeUndefined();
    }
    expect(services.memo_redis.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });
});

interface Stage {
  from: string;
  name: string | undefined;
  instructions: { name: string; text: string }[];
}

/** The stages of a Dockerfile; no heredocs, no variables. */
function readStages(dockerfile: string): Stage[] {
  const lines = dockerfile
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim());
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, name = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    const [from = '', as] = text.split(/\s+AS\s+/);
    if (name === 'FROM') stages.push({ from, name: as, instructions: [] });
    else stages.at(-1)!.instructions.push({ name, text });
  }
  return stages;
}

/** Does what the instructions say, in a folder for each stage; returns that of the last. */
async function carryOut(stages: Stage[], isIgnored: (path: string) => boolean): Promise<string> {
  const roots = new Map<string | undefined, string>();
  let root = '';
  for (const [i, stage] of stages.entries()) {
    root = join(temp, `stage-${i}`);
    roots.set(stage.name, root);
    let folder = root;
    for (const { name, text } of stage.instructions) {
      if (name === 'WORKDIR') {
        folder = join(root, text);
        await fs.mkdir(folder, { recursive: true });
      } else if (name === 'COPY') {
        const [, from, rest = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(text) ?? [];
        const base = from ? roots.get(from)! : ROOT;
        const words = rest.split(/\s+/);
        await copy(words.slice(0, -1), words.at(-1)!, base, folder, (path) =>
          from ? false : isIgnored(path),
        );
      } else if (name === 'RUN' && text === 'npm ci') {
        // It takes the network and its time, and would install what is here already.
        await fs.symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
      } else if (name === 'RUN') {
        const env = { PATH: process.env.PATH, HOME: root, npm_config_update_notifier: 'false' };
        // A builder's umask is not known; with Debian 13's for users, new files are group-writable.
        const script = `umask 002; ${text}`;
        await run('/bin/sh', ['-c', script], { cwd: folder, env, timeout: 30_000 });
      }
    }
  }
  return root;
}

/** A file goes to the target, or into it when that ends with a slash; of a folder, its content. */
async function copy(
  sources: string[],
  target: string,
  base: string,
  folder: string,
  isIgnored: (path: string) => boolean,
): Promise<void> {
  for (const source of sources) {
    const from = join(base, source);
    const isFolder = (await fs.stat(from)).isDirectory();
    const to = join(folder, target, isFolder || !target.endsWith('/') ? '' : basename(source));
    await fs.mkdir(dirname(to), { recursive: true });
    const filter = (path: string) => path === from || !isIgnored(relative(base, path));
    if (!isFolder && isIgnored(relative(base, from))) throw new Error(`${source} is ignored`);
    await fs.cp(from, to, { recursive: true, filter });
  }
}

/** Tells whether .dockerignore keeps a path out: the last pattern on it or on its folder decides. */
async function readIgnored(): Promise<(path: string) => boolean> {
  const lines = (await read('.dockerignore')).split('\n').filter((line) => /^[^#]/.test(line));
  const patterns = lines.map((line) => {
    const source = line
      .replace('!', '')
      .replace(/[.+()[\]{}^$|]/g, '\\$&')
      .replace(/\*\*\/|\*/g, (star) => (star === '*' ? '[^/]*' : '(?:.*/)?'));
    return { ignores: !line.startsWith('!'), path: new RegExp(`^${source}(?:/|$)`) };
  });
  return (path) => patterns.findLast((pattern) => pattern.path.test(path))?.ignores ?? false;
}

/** All files of a folder, sorted, as paths from there. */
async function listFiles(
  folder: string,
  skip: (path: string) => boolean = () => false,
): Promise<string[]> {
  const files: string[] = [];
  const visit = async (path: string): Promise<void> => {
    for (const entry of await fs.readdir(join(folder, path), { withFileTypes: true })) {
      const inner = join(path, entry.name);
      if (skip(inner)) continue;
      if (entry.isDirectory()) await visit(inner);
      else files.push(inner);
    }
  };
  await visit('');
  return files.sort();
}

/** `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as Compose replaces them, inside first. */
function interpolate(value: string, env: Record<string, string>): string {
  const replaced = value.replace(
    /\$\{(\w+)(?::([-?])([^{}]*))?\}/g,
    (_all, name: string, kind: string | undefined, word = '') => {
      if (!env[name] && kind === '?') throw new Error(`${name}: ${word}`);
      return env[name] || word;
    },
  );
  return replaced === value ? value : interpolate(replaced, env);
}
