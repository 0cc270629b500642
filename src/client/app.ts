/**
 * What attributes cannot say. The pages work without it; with it, links and forms swap the page's
 * main part instead of loading everything anew (htmx morphs it, so that focus and place survive),
 * drafts are kept in this browser until they are saved, changes from elsewhere appear, and keys do
 * what buttons do.
 */
import htmx from 'htmx.org';
import * as cards from './cards.ts';
import * as composition from './composition.ts';
import * as drafts from './drafts.ts';
import * as focus from './focus.ts';
import * as keys from './keys.ts';
import * as live from './live.ts';
import * as saving from './saving.ts';

/** Trusted Types (W3C), which TypeScript's DOM does not know yet. */
interface TrustedTypePolicyFactory {
  createPolicy(
    name: string,
    rules: { createHTML(html: string): string; createScript(): string },
  ): object;
}

const { trustedTypes } = window as { trustedTypes?: TrustedTypePolicyFactory };
// Pages come from our own origin only, and no script in them would run: the policy may pass them.
const policy = trustedTypes?.createPolicy('memo', {
  createHTML: (html) => html,
  createScript: () => '',
});

htmx.registerExtension('memo', {
  init: (api: { initSecurity(policy?: object): void }) => api.initSecurity(policy),
  // A text belongs to whoever types it: with its key or version, its form stays as it is.
  htmx_before_morph_node: (node: Element) => !node.matches?.('.composer:not(#draft)'),
  htmx_process_card: cards.placeCard,
  // And what a reader has unfolded stays unfolded, what has the focus keeps it.
  htmx_before_morph_attr: (_: Element, { attrName }: { attrName: string }) =>
    attrName !== 'open' && attrName !== 'tabindex',
});

// The order in which they hear of an event.
composition.start(document);
drafts.start();
saving.start();
focus.start();
keys.start();
live.start();
cards.start();
