/** Single requests, for measurements without concurrency. */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';

export interface Request {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  /** each {@link UNIQUE} in it is replaced by a new word for each request */
  body?: string;
}

/** Needs no escaping in JSON and forms, and is as long as its replacement. */
export const UNIQUE = '_UNIQUE_';

/** The body of one request: {@link UNIQUE} becomes a random word. */
export const freshen = (body: string) =>
  body.includes(UNIQUE) ? body.replaceAll(UNIQUE, randomBytes(4).toString('hex')) : body;

/** A response that has been read to its end. */
export interface ReadResponse {
  status: number;
  /** by lower-case names */
  headers: Record<string, string>;
  body: Buffer;
  /** from the request to the end of the response */
  ms: number;
}

const agent = new Agent({ keepAlive: true });

/** Sends a request on a persistent connection and reads the whole response. */
export function send(origin: string, { method = 'GET', path, headers = {}, body = '' }: Request) {
  return new Promise<ReadResponse>((resolve, reject) => {
    const start = performance.now();
    const sentBody = freshen(body);
    const length = body ? { 'Content-Length': String(Buffer.byteLength(sentBody)) } : {};
    const options = { agent, method, headers: { ...headers, ...length } };
    const sent = request(origin + path, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const ms = performance.now() - start;
        const headers = Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
        );
        resolve({ status: response.statusCode!, headers, body: Buffer.concat(chunks), ms });
      });
    });
    sent.once('error', reject);
    sent.end(sentBody);
  });
}

/** Like {@link send}; rejects if the status is not 2xx. */
export async function sendOk(origin: string, request: Request): Promise<ReadResponse> {
  const response = await send(origin, request);
  if (response.status >= 200 && response.status < 300) return response;
  const { method = 'GET', path } = request;
  throw new Error(`${method} ${origin}${path} has the status ${response.status}: ${response.body}`);
}
