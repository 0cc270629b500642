/**
 * The floor: as little as a server can do that makes memo's Redis calls and sends memo's bytes,
 * on nothing but `node:http` and ioredis. It checks nothing and logs nothing.
 *
 * What is the same in every answer of a route, memo itself was asked for: headers, and the page's
 * HTML, which is sent as it is instead of being made.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Redis } from 'ioredis';
import { defineScripts } from '../../src/store/scripts.ts';

/** By the request's method and path, and the codings that it takes. */
export interface Canned {
  status: number;
  headers: Record<string, string>;
  /** base64 */
  body: string;
}

const { PORT, REDIS_URL = '', CANNED = '', WRITES_PER_MINUTE } = process.env;
const COST = Math.round(60e6 / Number(WRITES_PER_MINUTE)); // µs
const BURST = Number(WRITES_PER_MINUTE) / 2;

const redis = new Redis(REDIS_URL);
defineScripts(redis);

const answers = new Map<string, Answer>(
  Object.entries<Canned>(JSON.parse(readFileSync(CANNED, 'utf8'))).map(([name, ready]) => {
    const bytes = Buffer.from(ready.body, 'base64');
    // The page is a string, as whatever makes one has; where it is compressed, it is ready bytes.
    return [name, { ...ready, body: name === 'GET /' ? bytes.toString() : bytes }];
  }),
);

type Answer = Pick<Canned, 'status' | 'headers'> & { body: string | Buffer };

async function findUser(request: IncomingMessage): Promise<string> {
  const token = request.headers.cookie!.slice('userId='.length);
  const key = `session:${createHash('sha256').update(token).digest('hex')}`;
  return JSON.parse((await redis.get(key))!).user;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function send(answer: ServerResponse, status: number, headers: object, body: string | Buffer) {
  answer.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

async function sendPage(request: IncomingMessage, answer: ServerResponse, headers: object) {
  const user = await findUser(request);
  const [more, memos] = (await redis.memos(`user:${user}:memos`, 'page', '', 50)) as [
    number,
    string[],
  ];
  const next = more ? `,"next":"${/\d+/.exec(memos.at(-1)!)}"` : '';
  send(answer, 200, headers, `{"memos":[${memos.join(',')}]${next}}`);
}

async function sendHome(request: IncomingMessage, answer: ServerResponse, canned: Answer) {
  const user = await findUser(request);
  await Promise.all([
    redis.get(`user:${user}`),
    redis.smembers(`user:${user}:pins`),
    redis.memos(`user:${user}:memos`, 'page', '', 50),
  ]);
  send(answer, canned.status, canned.headers, canned.body);
}

/** A new memo, of JSON or of a form, which has a key, and is answered with ready bytes. */
async function append(request: IncomingMessage, answer: ServerResponse, canned: Answer) {
  const user = await findUser(request);
  const taken = (await redis.take(`user:${user}:writes`, COST, BURST)) as number[];
  const source = await readBody(request);
  const isForm = request.headers['content-type'] !== 'application/json';
  const form = isForm ? new URLSearchParams(source) : undefined;
  const text = `,"text":${JSON.stringify(form ? form.get('text') : JSON.parse(source).text)}`;
  const key = form ? `"key":"${form.get('key')}"` : '';
  const members = `${text}${key && `,${key}`}}`;
  const repeated = key && `${text},"key":"`;
  const [, memo] = (await redis.memos(
    `user:${user}:memos`,
    'append',
    members,
    key,
    repeated,
    0,
  )) as [number, string];
  void redis.publish(`user:${user}:changes`, '');
  const { status, headers, body } = canned;
  const limits = {
    'RateLimit-Policy': `"writes";q=${BURST};w=30`,
    RateLimit: `"writes";r=${taken[1]};t=${Math.ceil(taken[3]! / 1e6)}`,
  };
  if (form) return send(answer, status, { ...headers, ...limits }, body);
  const id = /\d+/.exec(memo);
  const own = { Location: `/memo/${id}`, ETag: `"${id}"` };
  send(answer, status, { ...headers, ...own, ...limits }, memo);
}

async function handle(request: IncomingMessage, answer: ServerResponse): Promise<void> {
  const name = `${request.method} ${request.url}`;
  const codings = request.headers['accept-encoding'];
  const key = codings ? `${name} ${codings}` : name;
  const ready = answers.get(key)!;
  if (name === 'GET /memo?limit=50') return sendPage(request, answer, ready.headers);
  if (name === 'GET /') return sendHome(request, answer, ready);
  if (name === 'POST /memo') return append(request, answer, ready);
  send(answer, ready.status, ready.headers, ready.body); // a static file
}

createServer({ keepAliveTimeout: 75_000 }, (request, answer) => {
  handle(request, answer).catch((error) => {
    answer.destroy();
    // Whoever made load leaves when its time is over.
    if (error.code !== 'ECONNRESET') throw error;
  });
}).listen(Number(PORT));
