/** Whether requests by this method only read (RFC 9110 §9.2.1). */
export const isSafe = (method: string) =>
  method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
