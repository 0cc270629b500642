/** Lua scripts are bundled as text. */
declare module '*.lua' {
  const source: string;
  export default source;
}
