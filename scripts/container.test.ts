/**
 * The image and compose.yaml, without a Docker engine: the test executes the Dockerfile's instructions in
 * empty folders, and starts the server from the result.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { createServer } from 'node:http';
import nodeModule from 'node:module';
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
import { NODE_OPTIONS } from './node-options.ts';
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
  /** The root of the final stage, with only the files that its instructions put there. */
  let folder: string;

  beforeAll(async () => {
    stages = readStages(await read('scripts/Dockerfile'));
    image = stages.at(-1)!;
    folder = await carryOut(stages, await readIgnored());
  });

  /** The arguments of an instruction that occurs once in the final stage. */
  const only = (name: string) => {
    const found = image.instructions.filter((it) => it.name === name);
    expect(found, name).toHaveLength(1);
    return found[0]!.text;
  };

  /** The arguments of a `node` command in exec form; the test runs them on its own Node. */
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
    const requestStatus = async (url: string) => {
      for (;;) {
        const response = await fetch(url).catch(() => undefined);
        if (response) return response.status;
        if (child.exitCode !== null || child.signalCode)
          throw new Error(`the server ended: ${output.stderr}`);
        await delay(20);
      }
    };
    return { child, output, exited, requestStatus };
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

  test('has one version of Node in all stages, which package.json allows', async () => {
    expect(new Set(stages.map(({ from }) => from)).size).toBe(1);
    expect(image.from).toMatch(/^node:\d+-slim$/);
    const { engines } = JSON.parse(await read('package.json'));
    expect(Number(/\d+/.exec(image.from)?.[0])).toBeGreaterThanOrEqual(
      Number.parseInt(engines.node.replace('>=', ''), 10),
    );
  });

  test('runs as a numeric user that is not root', () => {
    expect(only('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  test('gets all its files from the build stage and installs nothing', () => {
    const copies = image.instructions.filter(({ name }) => name === 'COPY' || name === 'ADD');
    expect(copies.map(({ text }) => text)).toEqual([expect.stringMatching(/^--from=build \/app/)]);
    expect(copies[0]?.text).not.toContain('--chown');
    expect(image.instructions.filter(({ name }) => name === 'RUN')).toEqual([]);
    expect(image.instructions.map(({ text }) => text).join('\n')).not.toMatch(
      /\bnpm\b|node_modules/,
    );
  });

  test('contains only the bundle, its cache, static files and licences, writable by root only', async () => {
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

  test('is built from the files that the build needs, without secrets, data and tests', async () => {
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

  test('does not start without its variables, and prints one line that names the first', async () => {
    const server = start({});
    expect(await server.exited).toBe(1);
    expect(server.output).toEqual({
      stdout: '',
      stderr: expect.stringMatching(/^memo: PUBLIC_URL is missing.*\n$/),
    });
  });

  test('starts from the compiled code in its cache, if this Node can (22.1 on)', async () => {
    const server = start({ NODE_DEBUG_NATIVE: 'COMPILE_CACHE' });
    await server.exited;
    const accepted = /cache for ESM file:.*\/app\/index\.js was accepted/;
    expect(accepted.test(server.output.stderr)).toBe('enableCompileCache' in nodeModule);
  });

  test('is healthy but not ready without Redis, and ends with code 0 on SIGTERM', async () => {
    const [port, closed] = [await findFreePort(), await findFreePort()];
    const server = start(configuration(port, `redis://127.0.0.1:${closed}`));
    expect(await server.requestStatus(`http://127.0.0.1:${port}/healthz`)).toBe(200);
    expect(await server.requestStatus(`http://127.0.0.1:${port}/readyz`)).toBe(503);
    expect(await checkHealth(port)).toBe(0);
    server.child.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(await checkHealth(port)).not.toBe(0);
  });

  test('is ready with a Redis that has the configuration of compose.yaml', async () => {
    const { memo_redis } = parse(await read('compose.yaml')).services;
    const [program, ...words] = memo_redis.command;
    expect(program).toBe('redis-server');
    const config: Record<string, string> = {};
    for (let i = 0; i < words.length; i += 2) config[words[i].replace('--', '')] = words[i + 1];

    // Redis acknowledges a memo after fsync, and never evicts one.
    expect(config).toMatchObject({
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
      'maxmemory-policy': 'noeviction',
    });

    const redis = await startRedis({ dir: join(temp, 'redis'), config });
    const client = new Redis(redis.url);
    try {
      // While Redis rewrites the append-only file, it may need twice its memory.
      expect(await client.config('GET', 'maxmemory')).toEqual(['maxmemory', String(2 ** 30)]);
      expect(memo_redis.mem_limit).toBe('2g');

      const port = await findFreePort();
      const server = start(configuration(port, redis.url));
      expect(await server.requestStatus(`http://127.0.0.1:${port}/readyz`)).toBe(200);
      // A page, because without tsconfig.json the build would compile JSX for React.
      expect(await server.requestStatus(`http://127.0.0.1:${port}/memo`)).toBe(200);
      server.child.kill('SIGINT');
      expect(await server.exited).toBe(0);
    } finally {
      client.disconnect();
      await redis.stop();
    }
  });

  test('is unhealthy if the server responds with 503, does not respond, or does not listen', async () => {
    const failing = createServer((_request, response) => response.writeHead(503).end());
    const silent = createServer(() => {});
    try {
      const ports = [];
      for (const server of [failing, silent]) {
        await once(server.listen(0, '127.0.0.1'), 'listening');
        ports.push((server.address() as AddressInfo).port);
      }
      ports.push(await findFreePort());
      expect(await Promise.all(ports.map(checkHealth))).toEqual([1, 1, 1]);
    } finally {
      for (const server of [failing, silent]) {
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

  /** The variables that the server receives if the operator has set these. */
  const passedOn = (operator: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries<string>(services.memo.environment).map(([name, value]) => [
        name,
        interpolate(value, operator),
      ]),
    );

  test('is valid by the schema of the Compose specification', async () => {
    const findErrors = (file: string) =>
      new DCLinter({ rules: {}, quiet: true, debug: false, exclude: [] })
        .lintFiles([file], false)
        .flatMap(({ messages }) => messages)
        // The other rules are about style.
        .filter(({ rule }) => rule === 'invalid-schema' || rule === 'invalid-yaml')
        .map(({ message }) => message);
    expect(findErrors(join(ROOT, 'compose.yaml'))).toEqual([]);

    const wrong = join(temp, 'compose.yaml');
    await fs.writeFile(wrong, (await read('compose.yaml')).replace('read_only:', 'read_olny:'));
    expect(findErrors(wrong)).toEqual([expect.stringContaining('/services/memo')]);
  });

  test('passes on every variable that the server reads', async () => {
    const source = await read('src/config.ts');
    const names = Array.from(source.matchAll(/\benv\.([A-Z_]+)|'([A-Z]+(?:_[A-Z]+)+)'/g), (it) =>
      String(it[1] ?? it[2]),
    );
    expect(names).toContain('NAVER_CLIENT_SECRET');
    // The image sets NODE_ENV; PORT and HOST are always the defaults inside the container.
    const fixed = ['NODE_ENV', 'PORT', 'HOST'];
    expect(Object.keys(services.memo.environment).sort()).toEqual(
      [...new Set(names)].filter((name) => !fixed.includes(name)).sort(),
    );
  });

  test('requires the two Naver credentials, with an error that names the missing one', () => {
    expect(() => passedOn({})).toThrow(/^NAVER_CLIENT_ID: set it to the Client ID/);
    expect(() => passedOn({ NAVER_CLIENT_ID: 'id' })).toThrow(/^NAVER_CLIENT_SECRET: set it/);
  });

  test('makes a complete configuration if both Naver credentials are set', () => {
    const naver = { NAVER_CLIENT_ID: 'id', NAVER_CLIENT_SECRET: 'secret' };
    expect(readConfig({ NODE_ENV: 'production', ...passedOn(naver) })).toMatchObject({
      port: 8000,
      publicUrl: 'http://localhost:8000',
      redis: { kind: 'single', nodes: [{ host: 'memo_redis', port: 6379 }] },
      logLevel: 'info',
    });
    const own = { PUBLIC_URL: 'https://example.com/memo', REDIS_URL: 'rediss://cache.example/1' };
    expect(readConfig({ NODE_ENV: 'production', ...passedOn({ ...naver, ...own }) })).toMatchObject(
      { prefix: '/memo', redis: { tls: true, db: 1 } },
    );
  });

  test('publishes the port in PORT, and sets PUBLIC_URL to that port', () => {
    const operator = { NAVER_CLIENT_ID: 'id', NAVER_CLIENT_SECRET: 'secret', PORT: '9000' };
    expect(services.memo.ports.map((it: string) => interpolate(it, {}))).toEqual(['8000:8000']);
    expect(services.memo.ports.map((it: string) => interpolate(it, operator))).toEqual([
      '9000:8000',
    ]);
    expect(passedOn(operator).PUBLIC_URL).toBe('http://localhost:9000');
  });

  test('builds the server image from this checkout', async () => {
    const { build, pull_policy, command, entrypoint, user, healthcheck } = services.memo;
    expect(await fs.stat(join(ROOT, build.context, build.dockerfile))).toBeTruthy();
    expect(pull_policy).toBe('build');
    // The image's own settings apply.
    expect([command, entrypoint, user, healthcheck]).toEqual(Array(4).fill(undefined));
  });

  test('keeps the memos in a named volume, in a named container without published ports', () => {
    const { image, container_name, volumes: mounts, ports } = services.memo_redis;
    expect(container_name).toBe('memo_redis');
    expect(image).toMatch(/^redis:\d+-alpine$/);
    expect(mounts).toEqual(['memo_redis:/data']);
    expect(volumes).toEqual({ memo_redis: { name: 'memo_redis' } });
    expect(ports).toBeUndefined();
  });

  test('starts memo after Redis, restarts both after a crash, and gives both time to stop', () => {
    expect(services.memo.depends_on).toEqual({ memo_redis: { condition: 'service_healthy' } });
    // Without an init process, PID 1 ignores signals until the server handles them.
    expect(services.memo.init).toBe(true);
    expect(services.memo_redis.healthcheck.test).toEqual(['CMD', 'redis-cli', '-e', 'ping']);
    for (const service of Object.values(services)) {
      expect(service.restart).toBe('unless-stopped');
      expect(Number.parseInt(service.stop_grace_period, 10)).toBeGreaterThan(25);
    }
  });

  test('limits the JavaScript heap to less than 60 % of the memory of the container', async () => {
    const env = { ...process.env, NODE_OPTIONS };
    const ask = ['-p', 'v8.getHeapStatistics().heap_size_limit'];
    const limit = Number((await run(process.execPath, ask, { env })).stdout);
    const container = Number.parseInt(services.memo.mem_limit, 10) * 2 ** 20;
    // Otherwise the kernel kills the container before the garbage collector frees memory: Node itself and
    // buffers need about as much as the heap.
    expect(limit).toBeLessThan(0.6 * container);
  });

  test('limits the privileges, logs, processes and memory of both containers', () => {
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

/** Parses the stages of a Dockerfile; supports neither heredocs nor variables. */
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

/** Executes the instructions, in one folder per stage. @returns the folder of the last stage */
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
        // Would download the packages that this checkout already has.
        await fs.symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
      } else if (name === 'RUN') {
        const env = { PATH: process.env.PATH, HOME: root, npm_config_update_notifier: 'false' };
        // The image must not depend on the umask. With 002, of Debian 13's users, files are group-writable.
        const script = `umask 002; ${text}`;
        await run('/bin/sh', ['-c', script], { cwd: folder, env, timeout: 30_000 });
      }
    }
  }
  return root;
}

/** COPY: a file to the target, or into it if that ends with a slash; the content of a folder. */
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

/** A function that tells whether .dockerignore excludes a path: the last matching pattern counts. */
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

/** All files below a folder, sorted, as relative paths. */
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

/** Replaces `${NAME}`, `${NAME:-default}` and `${NAME:?message}`, innermost first, as Compose does. */
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
