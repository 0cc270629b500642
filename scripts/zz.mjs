// scripts/redis.ts
import { execFile, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';

var run = promisify(execFile);
var CACHE = fileURLToPath(new URL('../node_modules/.cache/memo-redis', import.meta.url));
var INSTALLERS = {
  'apt-get': 'sudo apt install redis-server',
  brew: 'brew install redis',
  dnf: 'sudo dnf install redis',
  apk: 'sudo apk add redis',
  pacman: 'sudo pacman -S valkey',
};
async function findRedis(log = () => {}) {
  for (const name of ['redis-server', 'valkey-server']) {
    const path = await findOnPath(name);
    const program = path && (await tryProgram(path));
    if (program) return program;
  }
  const unpacked = await tryUnpacked();
  if (unpacked) return unpacked;
  let why = '';
  if (await findOnPath('apt-get')) {
    log('No redis-server here: unpacking one from the packages of this system\u2026');
    try {
      return await unpackPackages();
    } catch (error) {
      why = ` Unpacking one failed:
${error.message.trim()}`;
    }
  }
  let command = `${INSTALLERS['apt-get']} (Debian, Ubuntu), ${INSTALLERS.brew} (macOS)`;
  for (const [tool, line] of Object.entries(INSTALLERS)) {
    if (await findOnPath(tool)) command = line;
  }
  throw new Error(`No redis-server or valkey-server was found.${why}
Install one: ${command}`);
}
function findOnPath(name) {
  return run('/bin/sh', ['-c', 'command -v "$0"', name]).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
}
async function tryProgram(path, env = {}) {
  const options = { env: { ...process.env, ...env } };
  const output = await run(path, ['--version'], options).catch(() => null);
  const version = / v=(\d[\d.]*)/.exec(output?.stdout ?? '')?.[1];
  return version && Number.parseInt(version, 10) >= 6 ? { path, env, version } : void 0;
}
async function tryUnpacked() {
  const libraries = [];
  for (const folder of [join(CACHE, 'usr/lib'), join(CACHE, 'lib')]) {
    const names = await fs.readdir(folder).catch(() => []);
    libraries.push(...names.filter((it) => it.includes('-linux-')).map((it) => join(folder, it)));
  }
  if (process.env.LD_LIBRARY_PATH) libraries.push(process.env.LD_LIBRARY_PATH);
  const env = { LD_LIBRARY_PATH: libraries.join(delimiter) };
  return tryProgram(join(CACHE, 'usr/bin/redis-server'), env);
}
async function unpackPackages() {
  await fs.mkdir(dirname(CACHE), { recursive: true });
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
    const apt = (...args) => run('apt-get', ['-q', '-c', settings, ...args], options);
    const update = await apt('update').catch((error) => error);
    try {
      const plan = await apt('install', '--simulate', '--no-install-recommends', 'redis-server');
      const missing = Array.from(plan.stdout.matchAll(/^Inst (\S+)/gm), ([, name]) => name);
      await apt(
        'download',
        .../* @__PURE__ */ new Set(['redis-server', 'redis-tools', ...missing]),
      );
    } catch (error) {
      throw new Error(`${update.stderr}${error.stderr}`);
    }
    const root = join(work, 'root');
    for (const name of await fs.readdir(options.cwd)) {
      await run('dpkg-deb', ['-x', join(options.cwd, name), root]);
    }
    await fs.rename(root, CACHE).catch(async () => {
      if (await tryUnpacked()) return;
      await fs.rm(CACHE, { recursive: true, force: true });
      await fs.rename(root, CACHE);
    });
    const program = await tryUnpacked();
    if (!program) throw new Error('The unpacked one does not run here.');
    return program;
  } finally {
    await fs.rm(work, { recursive: true, force: true });
  }
}
var KEEPER = `
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
async function startRedis(options) {
  const program = await findRedis();
  await fs.mkdir(options.dir, { recursive: true, mode: 448 });
  const dir = await fs.realpath(options.dir);
  const configFile = join(dir, 'redis.conf');
  const logFile = join(dir, 'redis.log');
  for (const end = Date.now() + 1e3; await isInUse(dir); await sleep(50)) {
    if (Date.now() > end) throw new Error(`Another memo is running on the data folder ${dir}`);
  }
  const port = options.port ?? (await findFreePort());
  const password = options.password ?? randomBytes(24).toString('base64url');
  const url = `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  const config = {
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    // the append-only file has it all
    ...options.config,
    bind: '127.0.0.1',
    port: String(port),
    requirepass: password,
    dir,
    daemonize: 'no',
  };
  const lines = Object.entries(config).map(
    ([name, value]) => `${name} ${quote(value)}
`,
  );
  await fs.rm(configFile, { force: true });
  await fs.writeFile(
    configFile,
    `# ${url}
${lines.join('')}`,
    { flag: 'wx', mode: 384 },
  );
  const log = await fs.open(logFile, 'w', 384);
  const child = spawn('/bin/sh', ['-c', KEEPER, 'redis', program.path, configFile], {
    detached: true,
    // Ctrl-C in a terminal is for the app, which needs Redis to finish its work
    env: { PATH: process.env.PATH, ...program.env },
    stdio: ['pipe', log.fd, log.fd],
  });
  const exited = once(child, 'exit').then(
    ([code]) => (code > 128 ? null : code),
    () => null,
  );
  await log.close();
  const stdin = child.stdin;
  stdin.on('error', () => {});
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  while (!hasEnded()) {
    const server = await askServer(url).catch(() => void 0);
    if (!server?.ready || server.dir !== dir) {
      await sleep(10);
      continue;
    }
    child.unref();
    stdin.unref();
    const { pid } = server;
    const end = async (how) => {
      child.ref();
      try {
        if (!hasEnded()) how();
      } catch {}
      await exited;
    };
    const stop = () => end(() => stdin.end());
    const kill = () => end(() => process.kill(pid, 'SIGKILL'));
    return { url, port, password, dir, pid, program, stop, kill, exited };
  }
  const said = (await fs.readFile(logFile, 'utf8')).trimEnd();
  if (!options.port && /address already in use/i.test(said)) return startRedis(options);
  throw new Error(`Redis ended while it started:
${said.split('\n').slice(-10).join('\n')}`);
}
async function isInUse(dir) {
  const config = await fs.readFile(join(dir, 'redis.conf'), 'utf8').catch(() => '');
  const url = /^# (redis:\S+)/.exec(config)?.[1];
  if (!url) return false;
  return askServer(url).then(
    (server) => server.dir === dir,
    (error) => /timed ?out/i.test(error.message),
  );
}
async function askServer(url) {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    // would wait for the data to load
    disableClientInfo: true,
    commandTimeout: 1e3,
  });
  let reason;
  client.on('error', (error) => {
    reason = error;
  });
  try {
    await client.connect();
    const dir = (await client.config('GET', 'dir'))[1];
    const pid = Number(/^process_id:(\d+)/m.exec(await client.info('server'))?.[1]);
    const ready = await client.ping().then(
      () => true,
      () => false,
    );
    return { dir, pid, ready };
  } catch (error) {
    throw reason ?? error;
  } finally {
    client.disconnect();
  }
}
async function findFreePort() {
  for (;;) {
    const port = randomInt(1e4, 22e3);
    const server = createServer();
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
function quote(value) {
  const bytes = Buffer.from(value).toString('latin1');
  const hex = (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `"${bytes.replace(/[^ !#-[\]-~]/g, hex)}"`;
}

// ../../tmp/exp/st.mts
import { spawn as spawn2 } from 'node:child_process';
import { get } from 'node:http';

var r = await startRedis({ dir: '/tmp/exp', config: { appendonly: 'no' } });
var node = process.argv[2];
var res = [];
for (let i = 0; i < 12; i++) {
  const port = 19e3 + i;
  const t0 = performance.now();
  const prof =
    process.env.PROF && i === 11
      ? ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir=/tmp/profs2']
      : [];
  const c = spawn2(node, [...prof, '/work/main/dist/index.js'], {
    env: {
      PATH: process.env.PATH,
      ...(process.env.CC && { NODE_COMPILE_CACHE: process.env.CC }),
      NODE_ENV: 'production',
      PUBLIC_URL: 'http://localhost:' + port,
      NAVER_CLIENT_ID: 'a',
      NAVER_CLIENT_SECRET: 'b',
      NODE_OPTIONS: '--max-semi-space-size=8 --max-old-space-size=256',
      PORT: String(port),
      REDIS_URL: r.url,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let s = '';
  const marks = [];
  await new Promise((ok) =>
    c.stdout.on('data', (d) => {
      s += d;
      if (s.includes('listen')) ok();
    }),
  );
  marks.push(performance.now() - t0);
  await new Promise((ok) =>
    get({ port, host: '127.0.0.1', path: '/healthz' }, (a) => {
      a.resume();
      a.on('end', () => ok());
    }),
  );
  marks.push(performance.now() - t0);
  res.push(marks);
  c.kill('SIGINT');
  await new Promise((ok) => c.on('exit', ok));
}
var med = (k) =>
  res
    .map((m) => m[k])
    .sort((a, b) => a - b)[6]
    .toFixed(0);
console.log('listening', med(0), 'first answer', med(1));
await r.kill();
process.exit(0);
