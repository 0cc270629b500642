/**
 * What the browser may do with our pages: load our own script, stylesheet and images, ask us and
 * send us forms, nothing else. No other script runs, and only our script's one policy makes HTML of
 * text, from wherever it may have come.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types memo',
].join('; ');

/**
 * The headers that protect whoever reads an answer of ours in a browser.
 * @param https whether the browser reaches us by https, and shall do so from now on
 */
export const securityHeaders = (https: boolean): Record<string, string> => ({
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Origin-Agent-Cluster': '?1',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  // Other sites learn nothing. Not no-referrer: under it, forms are sent with `Origin: null`, and
  // where `Sec-Fetch-Site` is missing (plain http, old browsers) that looks like another site.
  'Referrer-Policy': 'same-origin',
  ...(https && { 'Strict-Transport-Security': 'max-age=31536000' }),
  'X-Content-Type-Options': 'nosniff',
  'X-DNS-Prefetch-Control': 'off',
  'X-Frame-Options': 'DENY',
});
