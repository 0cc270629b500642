import fc from 'fast-check';
import { describe, expect, inject, test } from 'vitest';
import { findIds } from './foreign.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
/** The offsets of the object's own members "id". */
const find = (json: string) => findIds(bytes(json));

describe('a member named "id"', () => {
  test.each([
    ['{"id":1}', [2]],
    ['{ "a" : 1 , "id"\t:\n1 }', [13]],
    ['{"\\u0069d":1,"i\\u0064":2,"\\u0069\\u0064":3,"id":4}', [2, 14, 26, 43]],
    ['{"é한":1,"id":2}', [12]],
    ['{"a":"\\\\","id":1}', [11]],
    ['{"a":"\\"id\\":","id":1}', [16]],
    // An escaped quote that is taken for the end of the string would hide the id behind the brace.
    ['{"text": "a \\" {", "id": 5}', [20]],
    ['{"a":{"id":1},"b":[{"id":2}],"id":3}', [30]],
    ['{"id":"id"}', [2]],
  ])('is found in %s', (json, expected) => {
    expect(find(json)).toEqual(expected);
  });

  test.each([
    '{}',
    '{"text":"id","b":["id"]}',
    '{"Id":1,"ID":2,"id ":3,"_id":4,"iid":5,"\\\\u0069d":6,"\\u0049d":7}',
    '["id"]',
    '"id"',
    '{"a":{"id":1}}',
    '{"id"}',
    '{"id',
    '{"id"',
    '{"a\\',
    '',
  ])('is not in %s', (json) => {
    expect(find(json)).toEqual([]);
  });

  test('can be renamed at the offset without an effect on the other members', () => {
    const name = fc.oneof(
      fc.constantFrom('"id"', '"\\u0069d"', '"i\\u0064"', '"\\u0069\\u0064"', '"_id"', '"a"'),
      fc.string({ unit: 'binary' }).map((it) => JSON.stringify(it)),
    );
    const space = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 });
    const { object } = fc.letrec<{ object: string; value: string }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue({ maxDepth: 0 }).map((it) => JSON.stringify(it)),
        fc.constantFrom('"id"', '"\\"id\\":1"', '"{\\"id\\":"', '"}"', '"\\\\"'),
        tie('object'),
        fc.array(tie('value'), { maxLength: 3 }).map((values) => `[${values}]`),
      ),
      object: fc
        .array(fc.tuple(space, name, space, space, tie('value')), { maxLength: 5 })
        .map((members) => `{${members.map(([a, b, c, d, e]) => `${a}${b}${c}:${d}${e}`)}}`),
    }));
    fc.assert(
      fc.property(object, (json) => {
        const source = bytes(json);
        const found = findIds(source);
        const parts = [0, ...found].map((at, i) => source.subarray(at, found[i]));
        const renamed = parts.map((part) => new TextDecoder().decode(part)).join('\0');
        // A reviver sees names in JSON's order, but only the last of the same: so members by
        // themselves.
        const own = (text: string) => JSON.parse(text.replaceAll('\0', '_'));
        const { id, _id, ...others } = JSON.parse(json);
        const { _id: kept, ...same } = own(renamed);
        expect(same).toEqual(others);
        expect(Object.keys(same)).not.toContain('id');
        if (id !== undefined && _id === undefined) expect(kept).toEqual(id);
        expect(found.length === 0).toBe(id === undefined);
      }),
      { numRuns: inject('thorough') ? 300 : 100 },
    );
  });

  test('is found once in any bytes', () => {
    const piece = fc.constantFrom(...'{}[]":,\\ u0069did64'.split(''), '"id":', '\xff', '한');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const source = Uint8Array.from(Buffer.from(pieces.join(''), 'latin1'));
        const found = findIds(source);
        expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
        for (const at of found) expect(source[at - 1]).toBe(0x22);
      }),
      { numRuns: inject('thorough') ? 300 : 100 },
    );
  });

  test.each([
    ['20,000 spaces', `{"a":"${' '.repeat(20_000)}"${' '.repeat(20_000)}`],
    ['nothing but quotes', `{${'"'.repeat(200_000)}`],
    ['nothing but backslashes', `{"${'\\'.repeat(200_000)}`],
    ['names without a colon', `{${'"id" '.repeat(40_000)}`],
    ['40,000 ids', `{${'"id":1,'.repeat(40_000)}`],
    ['brackets', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)},"id":1}`],
  ])('is found in %s without delay', (_, json) => {
    const source = bytes(json);
    // Not by the clock, which goes on while another process has the core. This also counts the other
    // threads of the process, which run tests as well.
    const before = process.cpuUsage();
    findIds(source);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(2_000); // ms
  });
});
