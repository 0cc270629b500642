/** Classifies errors of Redis and of its client. */

export type RedisFailure =
  /** Redis's memory is full: reads work, writes do not */
  | 'full'
  /** Redis cannot be used at the moment, and recovers without a change of the data */
  | 'down'
  /** Redis replies, but this process is too busy to read the replies in time */
  | 'slow';

/** The error message of a command that timed out although replies were arriving. */
export const TOO_SLOW = 'Replies are read too slowly';

/** The error message of a command that timed out while Redis was silent: ioredis's own. */
export const TIMED_OUT = 'Command timed out';

/** The code of a Redis error. Up to Redis 6, an error in a script has a sentence before the code. */
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

/** ioredis's messages if there is no connection, or no reply in time. */
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

/**
 * What an error that a store's method threw says about Redis; undefined if it is not about Redis's
 * state: a fault of the program.
 */
export function readRedisFailure(error: Error): RedisFailure | undefined {
  if (error.message === TOO_SLOW) return 'slow';
  const code = error.name === 'ReplyError' ? (CODE.exec(error.message)?.[1] ?? '') : '';
  if (code === 'OOM') return 'full';
  const isDown = PASSING.includes(code) || DISCONNECTED.test(`${error.name}: ${error.message}`);
  return isDown ? 'down' : undefined;
}
