import { raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { takeTurns } from '../turns.ts';

export interface InTurnsProps {
  items: (HtmlEscapedString | Promise<HtmlEscapedString>)[];
}

/** Renders one item after the other; others get their turn in between, as a long memo takes long. */
export async function InTurns({ items }: InTurnsProps) {
  const letOthers = takeTurns();
  const rendered: string[] = [];
  for (const item of items) {
    rendered.push(await (await item).toString());
    await letOthers();
  }
  return raw(rendered.join(''));
}
