export const longListRows = {};
