import { raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { PageContext, StaticContext } from '../http/page-context.ts';

/**
 * Makes a component that depends on language and theme only, and is rendered once for each pair.
 * Rendering these parts for each page took 14 % of its CPU time (600 people in turn, Node 26).
 */
export function oncePerTheme(render: (page: StaticContext) => unknown) {
  const rendered = new WeakMap<StaticContext, HtmlEscapedString>();
  return ({ page }: { page: Pick<PageContext, 'static'> }): HtmlEscapedString => {
    const known = rendered.get(page.static);
    if (known) return known;
    const html = raw(render(page.static));
    rendered.set(page.static, html);
    return html;
  };
}
