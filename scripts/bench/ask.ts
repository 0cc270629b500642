/** One request after another, for what is measured singly. */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';

export interface Request {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  /** {@link UNIQUE} in it becomes another word each time it is sent */
  body?: string;
}

/** Stays as it is in JSON and in a form, and is as long as what takes its place. */
export const UNIQUE = '_UNIQUE_';

/** A body as it is sent this time. */
export const freshen = (body: string) =>
  body.includes(UNIQUE) ? body.replaceAll(UNIQUE, randomBytes(4).toString('hex')) : body;

export interface Answer {
  status: number;
  /** with names in lower case */
  headers: Record<string, string>;
  body: Buffer;
  /** from the request to the end of the answer */
  ms: number;
}

const agent = new Agent({ keepAlive: true });

/** Sends a request on a connection that is kept, and reads the whole answer. */
export function ask(origin: string, { method = 'GET', path, headers = {}, body = '' }: Request) {
  return new Promise<Answer>((resolve, reject) => {
    const start = performance.now();
    const sentBody = freshen(body);
    const length = body ? { 'Content-Length': String(Buffer.byteLength(sentBody)) } : {};
    const options = { agent, method, headers: { ...headers, ...length } };
    const sent = request(origin + path, options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.once('error', reject);
      answer.once('end', () => {
        const ms = performance.now() - start;
        const headers = Object.fromEntries(
          Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
        );
        resolve({ status: answer.statusCode!, headers, body: Buffer.concat(chunks), ms });
      });
    });
    sent.once('error', reject);
    sent.end(sentBody);
  });
}

/** As {@link ask}; rejects when the answer is not a 2xx. */
export async function askFor(origin: string, request: Request): Promise<Answer> {
  const answer = await ask(origin, request);
  if (answer.status >= 200 && answer.status < 300) return answer;
  const { method = 'GET', path } = request;
  throw new Error(`${method} ${origin}${path} was answered ${answer.status}: ${answer.body}`);
}
