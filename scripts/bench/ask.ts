/** One request after another, for what is measured singly. */
import { Agent, request } from 'node:http';

export interface Request {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

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
    const length = body ? { 'Content-Length': String(Buffer.byteLength(body)) } : {};
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
    sent.end(body);
  });
}

/** As {@link ask}; rejects when the answer is not a 2xx. */
export async function askFor(origin: string, request: Request): Promise<Answer> {
  const answer = await ask(origin, request);
  if (answer.status >= 200 && answer.status < 300) return answer;
  const { method = 'GET', path } = request;
  throw new Error(`${method} ${origin}${path} was answered ${answer.status}: ${answer.body}`);
}
