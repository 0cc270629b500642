/** A static file, ready to be sent in each encoding. */
export interface Asset {
  /** its name with a hash of its content, e.g. `style.1a2b3c4d.css` */
  file: string;
  type: string;
  identity: Uint8Array<ArrayBuffer>;
  gzip: Uint8Array<ArrayBuffer>;
  br: Uint8Array<ArrayBuffer>;
}

/** The static files that the build makes, by their names without the hash. */
export type Assets = Record<'app.js' | 'style.css' | 'icon.svg' | 'icon.png', Asset>;
