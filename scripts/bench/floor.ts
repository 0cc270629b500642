/**
 * The floor: the least work of a server that makes memo's Redis calls and sends memo's bytes, with only
 * `node:http` and ioredis. It validates nothing and logs nothing.
 *
 * The headers, and the HTML of the page, are copies of a response of memo (`CANNED`): nothing is rendered.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Redis } from 'ioredis';
import { defineMemos, defineTake } from '../../src/store/scripts.ts';

/** A copy of a response, stored under the request's method, path and `Accept-Encoding`. */
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
defineMemos(redis);
defineTake(redis);

const responses = new Map<string, Ready>(
  Object.entries<Canned>(JSON.parse(readFileSync(CANNED, 'utf8'))).map(([name, canned]) => {
    const bytes = Buffer.from(canned.body, 'base64');
    // The uncompressed page is a string, as after rendering; a compressed one is bytes.
    return [name, { ...canned, body: name === 'GET /' ? bytes.toString() : bytes }];
  }),
);

type Ready = Pick<Canned, 'status' | 'headers'> & { body: string | Buffer };

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

function send(response: ServerResponse, status: number, headers: object, body: string | Buffer) {
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

async function sendPage(request: IncomingMessage, response: ServerResponse, headers: object) {
  const user = await findUser(request);
  const [more, memos] = (await redis.memos(`user:${user}:memos`, 'page', '', 50)) as [
    number,
    string[],
  ];
  const next = more ? `,"next":"${/\d+/.exec(memos.at(-1)!)}"` : '';
  send(response, 200, headers, `{"memos":[${memos.join(',')}]${next}}`);
}

async function sendHome(request: IncomingMessage, response: ServerResponse, ready: Ready) {
  const user = await findUser(request);
  await Promise.all([
    redis.smembers(`user:${user}:pins`),
    redis.memos(`user:${user}:memos`, 'page', '', 50),
  ]);
  send(response, ready.status, ready.headers, ready.body);
}

/** A new memo, from JSON, or from a form, which has a key; a form gets the copied response. */
async function append(request: IncomingMessage, response: ServerResponse, ready: Ready) {
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
  const { status, headers, body } = ready;
  const limits = {
    'RateLimit-Policy': `"writes";q=${BURST};w=30`,
    RateLimit: `"writes";r=${taken[1]};t=${Math.ceil(taken[3]! / 1e6)}`,
  };
  if (form) return send(response, status, { ...headers, ...limits }, body);
  const id = /\d+/.exec(memo);
  const own = { Location: `/memo/${id}`, ETag: `"${id}"` };
  send(response, status, { ...headers, ...own, ...limits }, memo);
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = `${request.method} ${request.url}`;
  const codings = request.headers['accept-encoding'];
  const key = codings ? `${name} ${codings}` : name;
  const ready = responses.get(key)!;
  if (name === 'GET /memo?limit=50') return sendPage(request, response, ready.headers);
  if (name === 'GET /') return sendHome(request, response, ready);
  if (name === 'POST /memo') return append(request, response, ready);
  send(response, ready.status, ready.headers, ready.body); // a static file
}

createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
  handle(request, response).catch((error) => {
    response.destroy();
    // The load generator closes its connections at the end.
    if (error.code !== 'ECONNRESET') throw error;
  });
}).listen(Number(PORT));
