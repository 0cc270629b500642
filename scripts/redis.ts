/**
 * Finds or downloads a Redis server, and runs private ones for `npm start` and the tests.
 *
 * A private Redis belongs to one folder and to one process. It listens on the loopback interface only,
 * requires a password that other users of the machine cannot read, writes to disk before it acknowledges,
 * and ends with the process that started it, even if that is killed.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';

const run = promisify(execFile);

/** The folder for the unpacked packages of the distribution, of this checkout only. */
const CACHE = fileURLToPath(new URL('../node_modules/.cache/memo-redis', import.meta.url));

/** The command that installs Redis, for each package manager. */
const INSTALLERS = {
  'apt-get': 'sudo apt install redis-server',
  brew: 'brew install redis',
  dnf: 'sudo dnf install redis',
  apk: 'sudo apk add redis',
  pacman: 'sudo pacman -S valkey',
};

/** Path and environment of a Redis server program. */
export interface RedisProgram {
  path: string;
  /** `LD_LIBRARY_PATH`, if this module unpacked the program. */
  env: Record<string, string>;
  version: string;
}

/**
 * Finds `redis-server` or `valkey-server`, version 6 or later, on the PATH. Otherwise unpacks the
 * package of Debian or Ubuntu into a cache folder under `node_modules`: once, in a few seconds, without
 * root, and without other changes to the machine. If both fail, rejects with the command that installs
 * Redis.
 *
 * @param log receives a line before a download
 */
export async function findRedis(log: (line: string) => void = () => {}): Promise<RedisProgram> {
  for (const name of ['redis-server', 'valkey-server']) {
    const path = await findOnPath(name);
    const program = path && (await tryProgram(path));
    if (program) return program;
  }
  const unpacked = await tryUnpacked();
  if (unpacked) return unpacked;

  let why = '';
  if (await findOnPath('apt-get')) {
    log('No redis-server here: unpacking one from the packages of this system…');
    try {
      return await unpackPackages();
    } catch (error) {
      why = ` Unpacking one failed:\n${(error as Error).message.trim()}`;
    }
  }
  let command = `${INSTALLERS['apt-get']} (Debian, Ubuntu), ${INSTALLERS.brew} (macOS)`;
  for (const [tool, line] of Object.entries(INSTALLERS)) {
    if (await findOnPath(tool)) command = line;
  }
  throw new Error(`No redis-server or valkey-server was found.${why}\nInstall one: ${command}`);
}

function findOnPath(name: string): Promise<string> {
  return run('/bin/sh', ['-c', 'command -v "$0"', name]).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
}

/** The program, if it runs on this machine and supports RESP3, as Redis 6 and later do. */
async function tryProgram(path: string, env: Record<string, string> = {}) {
  const options = { env: { ...process.env, ...env } };
  const output = await run(path, ['--version'], options).catch(() => null);
  const version = / v=(\d[\d.]*)/.exec(output?.stdout ?? '')?.[1];
  return version && Number.parseInt(version, 10) >= 6 ? { path, env, version } : undefined;
}

async function tryUnpacked(): Promise<RedisProgram | undefined> {
  const libraries: string[] = [];
  for (const folder of [join(CACHE, 'usr/lib'), join(CACHE, 'lib')]) {
    const names = await fs.readdir(folder).catch(() => []);
    // Debian keeps libraries in a folder for each architecture, such as x86_64-linux-gnu.
    libraries.push(...names.filter((it) => it.includes('-linux-')).map((it) => join(folder, it)));
  }
  if (process.env.LD_LIBRARY_PATH) libraries.push(process.env.LD_LIBRARY_PATH);
  const env = { LD_LIBRARY_PATH: libraries.join(delimiter) };
  return tryProgram(join(CACHE, 'usr/bin/redis-server'), env);
}

async function unpackPackages(): Promise<RedisProgram> {
  await fs.mkdir(dirname(CACHE), { recursive: true });
  // A temporary folder, renamed at the end: another process never finds an incomplete Redis.
  const work = await fs.mkdtemp(`${CACHE}-`);
  try {
    for (const folder of ['state/lists/partial', 'cache/archives/partial', 'packages']) {
      await fs.mkdir(join(work, folder), { recursive: true });
    }
    const settings = join(work, 'apt.conf');
    await fs.writeFile(
      settings,
      `Dir::State "${work}/state";
       Dir::Cache "${work}/cache";
       // Packages that the system has are not downloaded.
       Dir::State::status "/var/lib/dpkg/status";
       Debug::NoLocking "true";
       // As root, apt would download as another user, who cannot write here.
       APT::Sandbox::User "root";
       // No hooks: this update does not concern the system.
       #clear APT::Update::Pre-Invoke;
       #clear APT::Update::Post-Invoke;
       #clear APT::Update::Post-Invoke-Success;
       Acquire::Languages "none";`,
    );
    const options = { cwd: join(work, 'packages'), env: { ...process.env, LC_ALL: 'C' } };
    const apt = (...args: string[]) => run('apt-get', ['-q', '-c', settings, ...args], options);
    // An update fails if any package source is unreachable, also one that Redis does not come from. So
    // a failure counts only if the download fails too.
    const update = await apt('update').catch((error) => error);
    try {
      const plan = await apt('install', '--simulate', '--no-install-recommends', 'redis-server');
      // In Debian 12, redis-server is a link to a program of redis-tools. Both are named, because a
      // system may have them installed outside the PATH, and then the plan lacks them.
      const missing = Array.from(plan.stdout.matchAll(/^Inst (\S+)/gm), ([, name]) => name!);
      await apt('download', ...new Set(['redis-server', 'redis-tools', ...missing]));
    } catch (error) {
      throw new Error(`${update.stderr}${(error as { stderr: string }).stderr}`);
    }
    const root = join(work, 'root');
    for (const name of await fs.readdir(options.cwd)) {
      await run('dpkg-deb', ['-x', join(options.cwd, name), root]);
    }
    await fs.rename(root, CACHE).catch(async () => {
      if (await tryUnpacked()) return; // another process was faster
      await fs.rm(CACHE, { recursive: true, force: true }); // of another system: it does not run here
      await fs.rename(root, CACHE);
    });
    const program = await tryUnpacked();
    if (!program) throw new Error('The unpacked one does not run here.');
    return program;
  } finally {
    await fs.rm(work, { recursive: true, force: true });
  }
}

/** A Redis server that runs for this process only. */
export interface PrivateRedis {
  /** `redis://:password@127.0.0.1:port` */
  url: string;
  port: number;
  password: string;
  /** The real path of its folder, with the data, `redis.conf` and `redis.log`. */
  dir: string;
  /** The process id of the server, not of the shell that keeps it. */
  pid: number;
  program: RedisProgram;
  /** Shuts it down with SIGTERM. Resolves when the process has ended. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL, as a power failure would. Resolves when the process has ended. */
  kill(): Promise<void>;
  /** Resolves when the process has ended, for any reason, with its exit code; null after a signal. */
  exited: Promise<number | null>;
}

/**
 * A shell script that runs Redis (`$@`) until its standard input is closed, which the kernel does even
 * for a parent that was killed. SIGCONT lets a stopped server receive its SIGTERM. If Redis ends by
 * itself, the second `kill` also ends the waiting subshell: the process group has no other members.
 */
const KEEPER = `
umask 077
exec 3<&0
"$@" 3<&- &
redis=$!
(
  while read -r _ <&3; do :; done
  kill -TERM $redis; kill -CONT $redis; sleep 5; kill -KILL $redis
) 2>/dev/null &
wait $redis
code=$?
trap '' TERM; kill -TERM 0
exit $code
`;

/**
 * Starts a Redis on a folder, which is created if it is missing. Resolves when Redis has loaded its data.
 * Rejects with the end of its log if it cannot start, and if another Redis still runs on this folder: the
 * two would corrupt each other's data.
 *
 * @param options.port by default a free port
 * @param options.password by default a random one
 * @param options.config more directives of redis.conf; each value is one argument, and is quoted here
 */
export async function startRedis(options: {
  dir: string;
  port?: number;
  password?: string;
  config?: Record<string, string>;
}): Promise<PrivateRedis> {
  const program = await findRedis();
  await fs.mkdir(options.dir, { recursive: true, mode: 0o700 });
  const dir = await fs.realpath(options.dir);
  const configFile = join(dir, 'redis.conf');
  const logFile = join(dir, 'redis.log');

  // The Redis of a memo that was just killed may still be shutting down.
  for (const end = Date.now() + 1000; await isInUse(dir); await sleep(50)) {
    if (Date.now() > end) throw new Error(`Another memo is running on the data folder ${dir}`);
  }

  const port = options.port ?? (await findFreePort());
  const password = options.password ?? randomBytes(24).toString('base64url');
  const url = `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  const config = {
    appendonly: 'yes',
    appendfsync: 'always',
    save: '', // no snapshots: the append-only file has all data
    ...options.config,
    bind: '127.0.0.1',
    port: String(port),
    requirepass: password,
    dir,
    daemonize: 'no',
  };
  const lines = Object.entries(config).map(([name, value]) => `${name} ${quote(value)}\n`);
  // All users of the machine can read a command line, so the password is in a file. `isInUse` reads the
  // first line.
  await fs.rm(configFile, { force: true });
  await fs.writeFile(configFile, `# ${url}\n${lines.join('')}`, { flag: 'wx', mode: 0o600 });

  const log = await fs.open(logFile, 'w', 0o600);
  const child = spawn('/bin/sh', ['-c', KEEPER, 'redis', program.path, configFile], {
    detached: true, // Ctrl-C must not reach Redis: the server needs it until its requests are finished
    env: { PATH: process.env.PATH, ...program.env },
    stdio: ['pipe', log.fd, log.fd],
  });
  const exited = once(child, 'exit').then(
    ([code]) => (code > 128 ? null : code),
    () => null,
  );
  await log.close();
  const stdin = child.stdin as Socket;
  stdin.on('error', () => {}); // EPIPE, if Redis has ended

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  while (!hasEnded()) {
    const server = await askServer(url).catch(() => undefined);
    if (!server?.ready || server.dir !== dir) {
      await sleep(10);
      continue;
    }
    // Redis must not keep this process running.
    child.unref();
    stdin.unref();
    const { pid } = server;
    const end = async (how: () => void) => {
      child.ref();
      try {
        if (!hasEnded()) how();
      } catch {
        // The process has just ended by itself.
      }
      await exited;
    };
    const stop = () => end(() => stdin.end());
    const kill = () => end(() => process.kill(pid, 'SIGKILL'));
    return { url, port, password, dir, pid, program, stop, kill, exited };
  }
  const output = (await fs.readFile(logFile, 'utf8')).trimEnd();
  // Another process took the port after the search for a free one.
  if (!options.port && /address already in use/i.test(output)) return startRedis(options);
  throw new Error(`Redis ended while it started:\n${output.split('\n').slice(-10).join('\n')}`);
}

/** Whether a Redis that was started on this folder still runs. One that does not reply counts too. */
async function isInUse(dir: string): Promise<boolean> {
  const config = await fs.readFile(join(dir, 'redis.conf'), 'utf8').catch(() => '');
  const url = /^# (redis:\S+)/.exec(config)?.[1];
  if (!url) return false;
  return askServer(url).then(
    (server) => server.dir === dir,
    (error: Error) => /timed ?out/i.test(error.message),
  );
}

/** The folder and process id of the server at this URL. Rejects without one, or with a wrong password. */
async function askServer(url: string) {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false, // would wait for the data to load
    disableClientInfo: true,
    commandTimeout: 1000,
  });
  let reason: Error | undefined;
  client.on('error', (error) => {
    reason = error;
  });
  try {
    await client.connect();
    const dir = ((await client.config('GET', 'dir')) as string[])[1];
    const pid = Number(/^process_id:(\d+)/m.exec(await client.info('server'))?.[1]);
    const ready = await client.ping().then(
      () => true,
      () => false,
    );
    return { dir, pid, ready };
  } catch (error) {
    throw reason ?? error; // `error` says only "Connection is closed."
  } finally {
    client.disconnect();
  }
}

/**
 * A port that is free at this moment and outside the ephemeral range, from which the kernel takes ports
 * for outgoing connections.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    // At most 22,000, because a cluster node also listens on its port + 10,000.
    const port = randomInt(10_000, 22_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Quotes an argument for redis.conf: every byte with a special meaning becomes `\xHH`. */
function quote(value: string): string {
  const bytes = Buffer.from(value).toString('latin1');
  const hex = (byte: string) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `"${bytes.replace(/[^ !#-[\]-~]/g, hex)}"`;
}
