/**
 * What attributes cannot say. The pages work without it; with it, links and forms swap the page's
 * main part instead of loading everything anew (htmx morphs it, so that focus and place survive),
 * what is typed is kept in this browser until it is saved, what changes elsewhere appears, and keys
 * do what buttons do.
 */
import htmx from 'htmx.org';
import './composition.ts';
import './drafts.ts';
import './saving.ts';
import './focus.ts';
import './keys.ts';
import './live.ts';
import { placeCard } from './cards.ts';

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

htmx.config.includeIndicatorCSS = false;
htmx.registerExtension('memo', {
  init: (api: { initSecurity(policy?: object): void }) => api.initSecurity(policy),
  // A text belongs to whoever types it: with its key or version, its form stays as it is.
  htmx_before_morph_node: (node: Element) => !node.matches?.('form.composer:not(#draft)'),
  htmx_process_card: placeCard,
  // And what a reader has unfolded stays unfolded, what has the focus keeps it.
  htmx_before_morph_attr: (_: Element, { attrName }: { attrName: string }) =>
    attrName !== 'open' && attrName !== 'tabindex',
});
