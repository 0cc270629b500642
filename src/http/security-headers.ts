/**
 * Pages may load our own script, stylesheet and images, and send requests and forms to our own origin,
 * nothing else. Trusted Types let only our script's policy `memo` turn a string into HTML, so that a
 * text of a person cannot become a script (XSS).
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
 * Headers that protect the people who open our responses in a browser.
 * @param https whether browsers reach us by https, and must from now on (HSTS)
 */
export const securityHeaders = (https: boolean): Record<string, string> => ({
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Origin-Agent-Cluster': '?1',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  // Other sites get no referrer. Not `no-referrer`: with it, forms are sent with `Origin: null`, which
  // looks cross-site where `Sec-Fetch-Site` is missing (plain http, old browsers).
  'Referrer-Policy': 'same-origin',
  ...(https && { 'Strict-Transport-Security': 'max-age=31536000' }),
  'X-Content-Type-Options': 'nosniff',
  'X-DNS-Prefetch-Control': 'off',
  'X-Frame-Options': 'DENY',
});
