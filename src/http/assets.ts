/** A static file as it goes over the wire. */
export interface Asset {
  /** its name with a hash of its content, e.g. `style.1a2b3c4d.css` */
  file: string;
  type: string;
  identity: Uint8Array<ArrayBuffer>;
  gzip: Uint8Array<ArrayBuffer>;
  br: Uint8Array<ArrayBuffer>;
}

/** Static files by their plain names: a fixed set, made by the build. */
export type Assets = Record<'app.js' | 'style.css' | 'icon.svg' | 'icon.png', Asset>;
