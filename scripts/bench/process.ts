export const processRows = {};
