/** Whatever is stored, and however it is asked for: how much of an answer, and of work, becomes of it. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { BROWSER, HTMX, many, plant, plantTrash, type Stage, send } from './attack.ts';
import { readCpu } from './process.ts';
import { createPerson, type Person } from './stage.ts';

/** The largest answer to whatever is asked for, but for the whole list, which streams. */
const ANSWER = 3_000_000; // bytes

/** What it may cost the process, with all its threads. */
const CPU = 500; // ms

/** Of every kind that the page knows, and what is longer in HTML, JSON or an address than it is. */
const UNITS = [
  '- [ ] a\n',
  '* [x] #a\n',
  '- [ ] \n',
  '- [x] http://a\n',
  '#a ',
  '#가 ',
  `#${'나'.repeat(50)} `,
  '#a#b ',
  'http://a ',
  'http://a/#b?c=d&e=f ',
  'https://(((',
  `https://가.example/${'x'.repeat(200)} `,
  '가',
  'ㄱ',
  'ㄳ',
  'a',
  'A ',
  'ς',
  '\n',
  ' \n',
  '1 ',
  `${'long '.repeat(200)}\n`,
  '👨‍👩‍👧‍👦',
  '🏳️‍🌈 ',
  '\u200d',
  '\u200b\ufeff',
  'שלום ',
  '\u202eمرحبا\u202c ',
  'a\u0301',
  '\u0316\u0301',
  'ﾞ',
  '\ufdfa',
  '각',
  '"',
  '&',
  '<',
  "'",
  '</script><!--memos-->',
  '\\',
  '\u0001',
  '\u2028',
  '%',
  '+',
  '\t',
];

const unit = fc.constantFrom(...UNITS);
const cut = (text: string, length: number) => [...text].slice(0, length).join('');

/** A text as what it is made of, each so many times: the words of a failure stay few. */
type Parts = [unit: string, count: number][];
const parts: fc.Arbitrary<Parts> = fc.oneof(
  { weight: 4, arbitrary: unit.map((it): Parts => [[it, 20_000]]) },
  {
    weight: 4,
    arbitrary: fc.array(fc.tuple(unit, fc.integer({ min: 1, max: 4_000 })), {
      minLength: 1,
      maxLength: 10,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.tuple(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 500 }),
      ),
      { minLength: 1, maxLength: 5 },
    ),
  },
);
const toText = (parts: Parts) => {
  // No more of each than fits.
  const most = (it: string) => Math.ceil(20_000 / [...it].length);
  const all = parts.map(([it, count]) => it.repeat(Math.min(count, most(it))));
  return cut(all.join(''), 20_000).trim() || 'x';
};

/** A question that has something to do with what is stored, or not. */
const query = fc.oneof(
  unit,
  unit.map((it) => [...it][0]!),
  unit.map((it) => cut(it.repeat(100), 100)),
  unit.map((it) => `${cut(it.repeat(100), 98)} y`),
  fc
    .array(
      unit.map((it) => [...it.trim()][0] ?? 'a'),
      { minLength: 2, maxLength: 12 },
    )
    .map((words) => words.join(' ')),
  fc.string({ unit: 'grapheme', maxLength: 120 }),
);

const stored = fc.record({
  texts: fc.array(parts, { minLength: 1, maxLength: 4 }),
  count: fc.integer({ min: 1, max: 120 }),
  pins: fc.integer({ min: 0, max: 100 }),
  edited: fc.boolean(),
});
type StoredMemo = typeof stored extends fc.Arbitrary<infer T> ? T : never;

/** Somebody who has all that, and as much in the trash. */
async function store({ redis }: Stage, { texts, count, pins, edited }: StoredMemo) {
  const person = await createPerson(redis);
  const all = many(count, (i) => toText(texts[i % texts.length]!));
  const isPinned = (id: number) => (id / 1000) % 100 < pins;
  const ids = await plant(redis, person, all, (id) => ({
    ...(edited && { edited: id + 1 }),
    ...(isPinned(id) && { pin: true }),
  }));
  const pinned = ids.filter(isPinned).slice(0, 100);
  if (pinned.length > 0) await redis.sadd(`user:${person.id}:pins`, ...pinned);
  await plantTrash(redis, person, all);
  return { person, ids };
}

/** Every address that shows memos. */
const addresses = (q: string, id: number, oldest: number): [string, Record<string, string>][] => {
  const found = `q=${encodeURIComponent(q.toWellFormed())}`;
  const pages = [
    '/',
    `/?${found}`,
    `/?before=${id}`,
    `/?before=${id}&${found}`,
    `/?through=${oldest}`,
    `/?through=${oldest}&${found}`,
    `/?edit=${id}`,
    `/?edit=${id}&${found}`,
    '/trash',
    '/trash?confirm=1',
    `/trash?before=${id}`,
  ];
  const fragments = ['/memo', `/memo?${found}`, `/memo?before=${id}`, `/memo/${id}`];
  const lists = ['/memo?limit=200', `/memo?limit=200&${found}`, `/memo/${id}`];
  return [
    ...pages.map((it) => [it, BROWSER] as [string, Record<string, string>]),
    ...[...pages, ...fragments].map((it) => [it, HTMX] as [string, Record<string, string>]),
    ...lists.map((it) => [it, {}] as [string, Record<string, string>]),
  ];
};

/** What is compressed is made in full before. */
const CODED = { 'Accept-Encoding': 'br', 'Sec-Fetch-Site': 'none' };

/**
 * Stores whatever comes to mind, asks for it in every way, and looks at what comes of it.
 * @param measures whether the process's time is looked at, too: then nothing else may ask it
 */
export async function expectModestAnswers(
  stage: Stage,
  runs: number,
  { measures = false } = {},
): Promise<{ bytes: number; cpu: number }> {
  const most = { bytes: 0, cpu: 0 };
  const look = async (
    person: Person,
    path: string,
    headers: Record<string, string>,
    isCoded: boolean,
  ) => {
    const pid = stage.server.child.pid!;
    const before = await readCpu(pid);
    const answer = await send(stage, path, {
      person,
      headers: { ...headers, ...(isCoded && CODED) },
    });
    const cpu = (await readCpu(pid)) - before;
    expect([path, answer.status]).toEqual([path, 200]);
    expect([path, answer.bytes < ANSWER ? 0 : answer.bytes]).toEqual([path, 0]);
    if (measures) expect([path, cpu < CPU ? 0 : cpu]).toEqual([path, 0]);
    most.bytes = Math.max(most.bytes, answer.bytes);
    most.cpu = Math.max(most.cpu, cpu);
  };
  await fc.assert(
    fc.asyncProperty(
      stored,
      query,
      fc.nat(),
      fc.boolean(),
      async (memos, question, which, isCoded) => {
        const { person, ids } = await store(stage, memos);
        const id = ids[which % ids.length]!;
        for (const [path, headers] of addresses(question, id, ids[0]!)) {
          await look(person, path, headers, isCoded);
        }
        const { redis } = stage;
        await redis.del(...['memos', 'trash', 'pins'].map((it) => `user:${person.id}:${it}`));
      },
    ),
    // A smaller one is found by whoever looks at it; making it smaller would take minutes.
    { numRuns: runs, endOnFailure: true },
  );
  return most;
}
