/** What an error of Redis, or of its client, means for a request. */

export type RedisFailure =
  /** its memory is full: it can be read, not written */
  | 'full'
  /** it cannot be used at the moment, and that passes without anybody touching the data */
  | 'down'
  /** its replies come, but this process is too busy to read them in time */
  | 'slow';

/** The message of a command that was given up although replies were coming. */
export const TOO_SLOW = 'Replies are read too slowly';

/** The message of a command that was given up because Redis was silent, as ioredis words it. */
export const TIMED_OUT = 'Command timed out';

/** The code in front of a Redis error. Up to Redis 6, a script's error has a sentence before it. */
const CODE = /^(?:ERR Error (?:running|compiling) script.*? -)?([A-Z]+)\b/;

const PASSING = [
  'MISCONF',
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'NOREPLICAS',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'BUSY',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
];

/** ioredis's messages when there is no connection, or no reply in time. */
const DISCONNECTED = new RegExp(
  [
    '^(MaxRetriesPerRequestError|AbortError|ClusterAllFailedError):',
    'Connection is closed',
    TIMED_OUT,
    "Stream isn't writeable",
    "Cluster isn't ready",
    'Cluster is disconnect',
    'Node is disconnected',
    'None of startup nodes',
    'Too many Cluster redirections',
  ].join('|'),
);

/** Reads an error that a store's method threw; undefined: it is not about the state of Redis. */
export function readRedisFailure(error: Error): RedisFailure | undefined {
  if (error.message === TOO_SLOW) return 'slow';
  const code = error.name === 'ReplyError' ? (CODE.exec(error.message)?.[1] ?? '') : '';
  if (code === 'OOM') return 'full';
  const isDown = PASSING.includes(code) || DISCONNECTED.test(`${error.name}: ${error.message}`);
  return isDown ? 'down' : undefined;
}
