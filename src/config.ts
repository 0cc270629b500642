/** The location of Redis, from `REDIS_URL`. */
export interface RedisTarget {
  kind: 'single' | 'cluster' | 'sentinel';
  tls: boolean;
  nodes: { host: string; port: number }[];
  username?: string;
  password?: string;
  /** the database's number; always 0 on a cluster */
  db: number;
  /** the name of the primary at the sentinels */
  master?: string;
}

/** The configuration of the server, see the README for the variables. */
export interface Config {
  port: number;
  /** undefined: all interfaces */
  host?: string;
  /** the URL of the page in the browser, without a trailing slash: `https://example.com/memo` */
  publicUrl: string;
  /** the path of `publicUrl`, the prefix of all links, redirects and cookies: empty or `/memo` */
  prefix: string;
  /** the prefix of the routes; differs from `prefix` behind a proxy that strips it */
  basePath: string;
  redis: RedisTarget;
  naver: { clientId: string; clientSecret: string; authUrl: string; apiUrl: string };
  /** how many proxies append to `X-Forwarded-For` */
  trustProxy: number;
  /** rate limit per person; 0: no limit */
  writesPerMinute: number;
  /** rate limit per address; 0: no limit */
  loginsPerMinute: number;
  /** bytes that Redis may take for one person's memos and trash; 0: no limit */
  storagePerPerson: number;
  /** lowest level that is logged, a name of pino's */
  logLevel: string;
  /** how long the server continues to accept connections after SIGTERM, in ms */
  shutdownDelay: number;
}

type Environment = Record<string, string | undefined>;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** An environment variable is missing or wrong; the message names it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Reads the whole configuration.
 * @param env the environment variables; an empty value counts as missing
 * @throws ConfigError for the first wrong or missing variable. The message names it and says in one
 *   line
 *   what is expected, without the value, which may be a secret
 */
export function readConfig(env: Environment): Config {
  const production = env.NODE_ENV === 'production';
  const port = readPort(env.PORT || '8000');
  const publicUrl = readPublicUrl(
    env.PUBLIC_URL || (production ? required('PUBLIC_URL') : `http://localhost:${port}`),
  );
  return {
    port,
    ...(env.HOST && { host: readHost(env.HOST) }),
    ...publicUrl,
    basePath: env.BASE_PATH ? readBasePath(env.BASE_PATH) : publicUrl.prefix,
    redis: readRedisUrl(env.REDIS_URL || required('REDIS_URL')),
    naver: {
      clientId: readCredential('NAVER_CLIENT_ID', env),
      clientSecret: readCredential('NAVER_CLIENT_SECRET', env),
      authUrl: readOrigin('NAVER_AUTH_URL', env.NAVER_AUTH_URL || 'https://nid.naver.com'),
      apiUrl: readOrigin('NAVER_API_URL', env.NAVER_API_URL || 'https://openapi.naver.com'),
    },
    trustProxy: readCount('TRUST_PROXY', env.TRUST_PROXY || '0', 10),
    writesPerMinute: readCount('WRITES_PER_MINUTE', env.WRITES_PER_MINUTE || '120', 1e6),
    loginsPerMinute: readCount('LOGINS_PER_MINUTE', env.LOGINS_PER_MINUTE || '20', 1e6),
    storagePerPerson:
      readCount('STORAGE_PER_PERSON', env.STORAGE_PER_PERSON || '64', 1e6) * 2 ** 20,
    logLevel: readLogLevel(env.LOG_LEVEL || 'info'),
    shutdownDelay: readCount('SHUTDOWN_DELAY', env.SHUTDOWN_DELAY || '5', 60) * 1000,
  };
}

const EXPECTED = {
  PUBLIC_URL: 'what the browser types, e.g. https://example.com/memo',
  REDIS_URL:
    'redis[s]://[user:password@]host[:port][/db], redis[s]+cluster://host:port,… or redis[s]+sentinel://host:port,…/master',
  NAVER_CLIENT_ID: 'the Client ID from Naver Developers',
  NAVER_CLIENT_SECRET: 'the Client Secret from Naver Developers',
};

function required(name: keyof typeof EXPECTED): never {
  throw new ConfigError(`${name} is missing: expected ${EXPECTED[name]}`);
}

function wrong(name: string, expected: string): never {
  throw new ConfigError(`${name} is wrong: expected ${expected}`);
}

function readPort(value: string): number {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  return port >= 1 && port <= 65535 ? port : wrong('PORT', 'a number from 1 to 65535');
}

function readCount(name: string, value: string, most: number): number {
  const count = /^\d{1,7}$/.test(value) ? Number(value) : Number.NaN;
  return count <= most ? count : wrong(name, `a whole number from 0 to ${most}`);
}

function readHost(value: string): string {
  return /^[\w.:-]+$/.test(value) ? value : wrong('HOST', 'an address or a host name to listen on');
}

function readLogLevel(value: string): string {
  return LOG_LEVELS.includes(value) ? value : wrong('LOG_LEVEL', `one of ${LOG_LEVELS.join(', ')}`);
}

/** Credentials become part of forms and headers: printable ASCII without spaces or line ends. */
function readCredential(name: 'NAVER_CLIENT_ID' | 'NAVER_CLIENT_SECRET', env: Environment): string {
  const value = env[name] || required(name);
  return /^[!-~]{1,200}$/.test(value) ? value : wrong(name, EXPECTED[name]);
}

function parseUrl(value: string): URL | undefined {
  try {
    return new URL(value);
  } catch {
    return undefined;
  }
}

/** The client secret is sent to these origins: without TLS only on this host. */
function readOrigin(name: string, value: string): string {
  const url = parseUrl(value);
  const safe =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.includes(url.hostname));
  return url && safe && url.href === `${url.origin}/`
    ? url.origin
    : wrong(name, 'an https origin, e.g. https://nid.naver.com (http only for localhost)');
}

function readPublicUrl(value: string): { publicUrl: string; prefix: string } {
  const url = parseUrl(value);
  const plain = url && !url.username && !url.password && !url.search && !url.hash;
  const prefix = readPath(url?.pathname ?? '');
  return plain && /^https?:$/.test(url.protocol) && prefix !== undefined && !/[?#]/.test(value)
    ? { publicUrl: url.origin + prefix, prefix }
    : wrong('PUBLIC_URL', EXPECTED.PUBLIC_URL);
}

function readBasePath(value: string): string {
  return readPath(value) ?? wrong('BASE_PATH', 'a path, e.g. /memo, or / behind a stripping proxy');
}

/**
 * A path without a trailing slash, empty for the root. Accepts only characters that proxies and
 * servers never decode differently.
 */
function readPath(path: string): string | undefined {
  return /^(?:\/[\w~-][\w.~-]*)*\/?$/.test(path) ? path.replace(/\/$/, '') : undefined;
}

/** Parses the URL (RFC 3986 §3.2) itself, because `new URL` refuses several hosts in one authority. */
function readRedisUrl(value: string): RedisTarget {
  const parts =
    /^redis(s?)(?:\+(cluster|sentinel))?:\/\/(?:([^:@/]*):([^@/]*)@)?([^@/?#]+)(?:\/([^/?#]*))?$/.exec(
      value,
    );
  if (!parts) return wrong('REDIS_URL', EXPECTED.REDIS_URL);
  const [, s, mode, user, pass, hosts = '', path = ''] = parts;
  const kind = mode === 'cluster' || mode === 'sentinel' ? mode : 'single';
  const nodes = hosts.split(',').map((host) => {
    const node = /^([\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i.exec(host);
    const port = Number(node?.[2] ?? (kind === 'sentinel' ? 26379 : 6379));
    if (!node?.[1] || port < 1 || port > 65535) return wrong('REDIS_URL', EXPECTED.REDIS_URL);
    return { host: node[1].replace(/^\[|\]$/g, ''), port };
  });
  const pathFits = { single: /^\d{0,5}$/, cluster: /^0?$/, sentinel: /^[\w.-]+$/ }[kind];
  if (!pathFits.test(path) || (kind === 'single' && nodes.length > 1)) {
    return wrong('REDIS_URL', EXPECTED.REDIS_URL);
  }
  return {
    kind,
    tls: s === 's',
    nodes,
    ...(user && { username: decode(user) }),
    ...(pass && { password: decode(pass) }),
    db: kind === 'single' ? Number(path) : 0,
    ...(kind === 'sentinel' && { master: path }),
  };
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return wrong('REDIS_URL', 'user and password percent-encoded');
  }
}
