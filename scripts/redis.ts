/**
 * Finds or fetches a Redis server program, and runs private ones for `npm start` and the tests.
 *
 * A private Redis belongs to one folder and to one process. It listens on the loopback only, asks
 * for a password that other users of the machine cannot read, has every acknowledged write on the
 * disk, and ends with the process that started it, however that one ends.
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

/** Where the distribution's packages are unpacked, for this checkout only. */
const CACHE = fileURLToPath(new URL('../node_modules/.cache/memo-redis', import.meta.url));

/** The one command that installs Redis, by the package manager that it belongs to. */
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
  /** Where its libraries are, when it was unpacked by us. */
  env: Record<string, string>;
  version: string;
}

/**
 * Finds `redis-server` or `valkey-server`, version 6 or later, on the PATH; else unpacks the one of
 * Debian or Ubuntu into a cache folder under `node_modules`, which takes some seconds, once, and
 * neither root nor a change to the machine. Rejects with the command that installs Redis when
 * neither works.
 *
 * @param log is told what is going on when it takes longer than an instant
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

/** The program, if it runs here and speaks RESP3, which began with Redis 6. */
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
  // All of it happens in a folder of our own, so that nobody ever finds half a Redis.
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
       // What the system has already need not be fetched.
       Dir::State::status "/var/lib/dpkg/status";
       Debug::NoLocking "true";
       // As root, apt would download as a user who cannot write here.
       APT::Sandbox::User "root";
       // The system stays as it is, so what it does after an update of its own is not for us.
       #clear APT::Update::Pre-Invoke;
       #clear APT::Update::Post-Invoke;
       #clear APT::Update::Post-Invoke-Success;
       Acquire::Languages "none";`,
    );
    const options = { cwd: join(work, 'packages'), env: { ...process.env, LC_ALL: 'C' } };
    const apt = (...args: string[]) => run('apt-get', ['-q', '-c', settings, ...args], options);
    // It fails when any source of the machine is out of reach, be it one that Redis is not from.
    // Whether it was good enough, the download tells.
    const update = await apt('update').catch((error) => error);
    try {
      const plan = await apt('install', '--simulate', '--no-install-recommends', 'redis-server');
      // In Debian 12, redis-server is a link to a program of redis-tools. Both are named, as a
      // system may have them installed and only keep them off the PATH.
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
      if (await tryUnpacked()) return; // somebody else was faster, and theirs is as good
      await fs.rm(CACHE, { recursive: true, force: true }); // it came from another system
      await fs.rename(root, CACHE);
    });
    const program = await tryUnpacked();
    if (!program) throw new Error('The unpacked one does not run here.');
    return program;
  } finally {
    await fs.rm(work, { recursive: true, force: true });
  }
}

/** A Redis server that runs for this process alone. */
export interface PrivateRedis {
  /** `redis://:password@127.0.0.1:port` */
  url: string;
  port: number;
  password: string;
  /** The real path of its folder: data, `redis.conf` and `redis.log`. */
  dir: string;
  /** The server's own process id. */
  pid: number;
  program: RedisProgram;
  /** Lets it finish and save, and resolves when the process is gone. */
  stop(): Promise<void>;
  /** Ends it at once with SIGKILL, as a power cut would, and resolves when the process is gone. */
  kill(): Promise<void>;
  /** Resolves when the process is gone, for whatever reason: its exit code, null after a signal. */
  exited: Promise<number | null>;
}

/**
 * Keeps a Redis (`$@`) only for as long as somebody holds the other end of its standard input,
 * which the system closes even for a process that was killed. CONT wakes a server that was paused,
 * so that it sees its TERM. When Redis ends by itself, the second `kill` takes the waiting subshell
 * along: the process group is all ours.
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
 * Starts a Redis on a folder, which is made when it is missing, and resolves when it answers with
 * all its data loaded. Rejects with the end of its log when it cannot start, and when another one
 * still runs on this folder: two would ruin the data of each other.
 *
 * @param options.port a free one by default
 * @param options.password a random one by default
 * @param options.config further directives of redis.conf; each value is one argument, quoted here
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

  // The Redis of a memo that was killed just now is still on its way out.
  for (const end = Date.now() + 1000; await isInUse(dir); await sleep(50)) {
    if (Date.now() > end) throw new Error(`Another memo is running on the data folder ${dir}`);
  }

  const port = options.port ?? (await findFreePort());
  const password = options.password ?? randomBytes(24).toString('base64url');
  const url = `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  const config = {
    appendonly: 'yes',
    appendfsync: 'always',
    save: '', // the append-only file has it all
    ...options.config,
    bind: '127.0.0.1',
    port: String(port),
    requirepass: password,
    dir,
    daemonize: 'no',
  };
  const lines = Object.entries(config).map(([name, value]) => `${name} ${quote(value)}\n`);
  // A command line can be read by everybody on the machine, so the password is in a file. The
  // first line is for whoever wants to know whether this server still runs.
  await fs.rm(configFile, { force: true });
  await fs.writeFile(configFile, `# ${url}\n${lines.join('')}`, { flag: 'wx', mode: 0o600 });

  const log = await fs.open(logFile, 'w', 0o600);
  const child = spawn('/bin/sh', ['-c', KEEPER, 'redis', program.path, configFile], {
    detached: true, // Ctrl-C in a terminal is for the app, which needs Redis to finish its work
    env: { PATH: process.env.PATH, ...program.env },
    stdio: ['pipe', log.fd, log.fd],
  });
  const exited = once(child, 'exit').then(
    ([code]) => (code > 128 ? null : code),
    () => null,
  );
  await log.close();
  const stdin = child.stdin as Socket;
  stdin.on('error', () => {}); // it ended before us

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  while (!hasEnded()) {
    const server = await askServer(url).catch(() => undefined);
    if (!server?.ready || server.dir !== dir) {
      await sleep(10);
      continue;
    }
    // It serves this process, and is no reason for it to stay alive.
    child.unref();
    stdin.unref();
    const { pid } = server;
    const end = async (how: () => void) => {
      child.ref();
      try {
        if (!hasEnded()) how();
      } catch {
        // It ended just now by itself.
      }
      await exited;
    };
    const stop = () => end(() => stdin.end());
    const kill = () => end(() => process.kill(pid, 'SIGKILL'));
    return { url, port, password, dir, pid, program, stop, kill, exited };
  }
  const said = (await fs.readFile(logFile, 'utf8')).trimEnd();
  // Between the search for a free port and the start, somebody else took it.
  if (!options.port && /address already in use/i.test(said)) return startRedis(options);
  throw new Error(`Redis ended while it started:\n${said.split('\n').slice(-10).join('\n')}`);
}

/** Is a Redis that was started here before still alive? One that is silent counts, too. */
async function isInUse(dir: string): Promise<boolean> {
  const config = await fs.readFile(join(dir, 'redis.conf'), 'utf8').catch(() => '');
  const url = /^# (redis:\S+)/.exec(config)?.[1];
  if (!url) return false;
  return askServer(url).then(
    (server) => server.dir === dir,
    (error: Error) => /timed ?out/i.test(error.message),
  );
}

/** Asks the server at this URL who it is; rejects when it is not there or the password is wrong. */
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
    throw reason ?? error; // which says more than "Connection is closed."
  } finally {
    client.disconnect();
  }
}

/**
 * A port that nobody listened on a moment ago; nor is it one of those that the system gives to
 * outgoing connections, which take them all the time.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    // A node of a cluster also takes the port 10,000 above its own.
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

/** One argument as redis.conf wants it: each byte that could mean anything else is spelled out. */
function quote(value: string): string {
  const bytes = Buffer.from(value).toString('latin1');
  const hex = (byte: string) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `"${bytes.replace(/[^ !#-[\]-~]/g, hex)}"`;
}
