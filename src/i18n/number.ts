/**
 * A whole number as Korean and English write it: 20,000. Not by `toLocaleString`: the first use of `Intl`
 * in a process takes 27 ms, a tenth of the start, and 8 MB.
 */
export const formatCount = (count: number) => String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
