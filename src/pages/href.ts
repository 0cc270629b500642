import type { StaticContext } from '../http/page-context.ts';

/** The address of a path: the path with the prefix. */
export const href = (page: Pick<StaticContext, 'prefix'>, path: string) => page.prefix + path;

/** The address of a static file, whose name changes with its content. */
export const assetHref = (page: StaticContext, name: keyof StaticContext['assets']) =>
  href(page, `/assets/${page.assets[name].file}`);
