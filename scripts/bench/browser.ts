/** The requests of browsers, made from the forms in a page. */

import { type Person, variedText } from './people.ts';
import { type Request, sendOk, UNIQUE } from './request.ts';
import type { Bench } from './row.ts';
import { PUBLIC_URL } from './servers.ts';

/** The headers that decide how a page is compressed. */
export const CHROME = {
  Accept: 'text/html',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Sec-Fetch-Site': 'none',
};
export const SAFARI = { ...CHROME, 'Accept-Encoding': 'gzip, deflate, br' };

/** The requests that the page's script sends for an action of the i-th person. */
export type Action = (bench: Bench, person: Person, i: number) => Promise<Request[]>;

type Fields = Record<string, string>;

/** Saves a new memo, with a new key and text for each request. */
export const save: Action = async (bench, person, i) => {
  const page = await readPage(bench, person);
  const { key, ...fields } = fieldsOf(page, 'new');
  // The key of the page with another end: the length stays.
  const unique: Fields = key ? { key: key.slice(0, -UNIQUE.length) + UNIQUE } : {};
  const text = `${variedText(i)} ${UNIQUE}`;
  return [post(person, page, 'form#new', '/memo', { ...fields, ...unique, text })];
};

/** Edits the text of a memo. */
export const edit: Action = async (bench, person, i) => {
  const page = await readPage(bench, person, `/?edit=${person.middle}`);
  const form = `edit-${person.middle}`;
  const fields = { ...fieldsOf(page, form), text: variedText(i) };
  return [post(person, page, `form#${form}`, `/memo/${person.middle}`, fields)];
};

/** Ticks the first open task of the page. */
export const tick: Action = async (bench, person) => {
  const page = await readPage(bench, person);
  return [press(person, page, 'name="done" value="true"')];
};

/** Pins the first unpinned memo and unpins it again, while another memo stays pinned. */
export const pin: Action = async (bench, person) => {
  await sendOk(bench.memo.origin, {
    method: 'PATCH',
    path: `/memo/${person.middle}`,
    headers: { Cookie: person.cookie, 'Content-Type': 'application/json' },
    body: '{"pin":true}',
  });
  const page = await readPage(bench, person);
  const pinning = press(person, page, 'name="pin" value="true"');
  return [pinning, { ...pinning, body: pinning.body!.replace('pin=true', 'pin=false') }];
};

async function readPage({ memo }: Bench, { cookie }: Person, path = '/'): Promise<string> {
  return String((await sendOk(memo.origin, { path, headers: { Cookie: cookie } })).body);
}

/** Presses a card's button, which has its own `formaction`. */
function press(person: Person, page: string, attributes: string): Request {
  const button = page.match(/<button\b[^>]*>/g)?.find((tag) => tag.includes(attributes)) ?? '';
  const { formaction = '', name = '', value = '' } = attributesOf(button);
  return post(person, page, 'form#list', formaction, { ...fieldsOf(page, 'list'), [name]: value });
}

/** A form as htmx sends it. */
function post(
  { cookie }: Person,
  page: string,
  source: string,
  path: string,
  fields: Fields,
): Request {
  const lists = Array.from(page.matchAll(/<ul\b[^>]*\sdata-list="(\w+)"/g), ([, name]) => name);
  return {
    method: 'POST',
    path,
    headers: {
      ...CHROME,
      'Sec-Fetch-Site': 'same-origin',
      Origin: PUBLIC_URL,
      Cookie: cookie,
      'Content-Type': 'application/x-www-form-urlencoded;charset=UTF-8',
      'HX-Request': 'true',
      'HX-Request-Type': 'partial',
      'HX-Boosted': 'true',
      'HX-Source': source,
      'HX-Target': 'main#main',
      'HX-Current-URL': `${PUBLIC_URL}/`,
      'Memo-Tab': '1234567890123456789',
      ...(lists.length > 0 && { 'Memo-Lists': lists.join(' ') }),
    },
    body: String(new URLSearchParams(fields)),
  };
}

/** The fields of a form with their initial values. */
function fieldsOf(page: string, id: string): Fields {
  const form = new RegExp(`<form\\b[^>]*\\sid="${id}"[^>]*>.*?</form>`, 's').exec(page);
  if (!form) throw new Error(`the page has no form ${id}`);
  const inputs = form[0].match(/<input\b[^>]*>/g) ?? [];
  return Object.fromEntries(inputs.map(attributesOf).map(({ name, value }) => [name, value]));
}

function attributesOf(tag: string): Fields {
  const attributes = tag.matchAll(/\s([\w-]+)="([^"]*)"/g);
  return Object.fromEntries(
    Array.from(attributes, ([, name, value]) => [name, value!.replaceAll('&amp;', '&')]),
  );
}
