import { secureHeaders } from 'hono/secure-headers';

/**
 * What the browser may do with our pages: load our own script, stylesheet and images, ask us and
 * send us forms, nothing else. No other script runs, and only our script's one policy makes HTML of
 * text, from wherever it may have come.
 * @param https whether the browser reaches us by https, and shall do so from now on
 */
export function securityHeaders(https: boolean) {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      connectSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
      trustedTypes: ['memo'],
    },
    // Other sites learn nothing. Not no-referrer: under it, forms are sent with `Origin: null`, and
    // where `Sec-Fetch-Site` is missing (plain http, old browsers) that looks like another site.
    referrerPolicy: 'same-origin',
    xFrameOptions: 'DENY',
    crossOriginOpenerPolicy: 'same-origin',
    crossOriginResourcePolicy: 'same-origin',
    strictTransportSecurity: https ? 'max-age=31536000' : false,
    permissionsPolicy: { camera: [], geolocation: [], microphone: [] },
    // Of browsers that are gone.
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });
}
