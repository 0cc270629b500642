import type { Redis } from 'ioredis';

/**
 * Runs an action between two steps of an operation: what another server does in that moment. The Redis
 * is the real one; only the order is chosen.
 * @param step the command before which the action runs, the next time that this client sends it: its
 *   name, or the operation of memos.lua; or how many commands are sent before it
 * @param action when it rejects, the command is not sent and rejects with the same error, as when the
 *   connection is lost just before it
 * @returns whether the action has run; it does not run any more
 */
export function runBefore(
  client: Redis,
  step: string | number,
  action: () => Promise<unknown>,
): () => boolean {
  const { sendCommand } = client;
  let sent = 0;
  let hasRun = false;
  client.sendCommand = (command, stream) => {
    const { name, args } = command;
    // A script's arguments are its hash, the number of keys, the key, and the operation.
    const isIt = step === sent++ || step === (name === 'evalsha' ? args[3] : name);
    if (!isIt) return sendCommand.call(client, command, stream);
    client.sendCommand = sendCommand;
    hasRun = true;
    action().then(
      () => sendCommand.call(client, command, stream),
      (error) => command.reject(error),
    );
    return command.promise;
  };
  return () => {
    client.sendCommand = sendCommand;
    return hasRun;
  };
}
