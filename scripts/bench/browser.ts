/** What browsers ask for, by what stands in the page. */

import { askFor, type Request, UNIQUE } from './ask.ts';
import { type Person, variedText } from './people.ts';
import type { Bench } from './row.ts';
import { PUBLIC_URL } from './servers.ts';

/** What decides how a page is compressed. */
export const CHROME = {
  Accept: 'text/html',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Sec-Fetch-Site': 'none',
};
export const SAFARI = { ...CHROME, 'Accept-Encoding': 'gzip, deflate, br' };

/** What the i-th of many people does on the page, as the script sends it. */
export type Action = (bench: Bench, person: Person, i: number) => Promise<Request[]>;

type Fields = Record<string, string>;

/** Saves a new memo, with a key and a text of its own each time. */
export const save: Action = async (bench, person, i) => {
  const page = await readPage(bench, person);
  const { key, ...fields } = fieldsOf(page, 'new');
  // As long as the page's own, of which only the end is another.
  const unique: Fields = key ? { key: key.slice(0, -UNIQUE.length) + UNIQUE } : {};
  const text = `${variedText(i)} ${UNIQUE}`;
  return [post(person, page, 'form#new', '/memo', { ...fields, ...unique, text })];
};

/** Saves another text of a memo. */
export const edit: Action = async (bench, person, i) => {
  const page = await readPage(bench, person, `/?edit=${person.middle}`);
  const form = `edit-${person.middle}`;
  const fields = { ...fieldsOf(page, form), text: variedText(i) };
  return [post(person, page, `form#${form}`, `/memo/${person.middle}`, fields)];
};

/** Ticks the first task of the page that is not done. */
export const tick: Action = async (bench, person) => {
  const page = await readPage(bench, person);
  return [press(person, page, 'name="done" value="true"')];
};

/** Pins the first memo that is not pinned, and unpins it, while another one stays pinned. */
export const pin: Action = async (bench, person) => {
  await askFor(bench.memo.origin, {
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
  return String((await askFor(memo.origin, { path, headers: { Cookie: cookie } })).body);
}

/** A button of the list's cards, which has an address of its own. */
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

/** What a form of the page sends without anybody's doing. */
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
