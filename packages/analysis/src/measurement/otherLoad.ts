/** How much of the machine others use meanwhile. */
import { cpus } from 'node:os';

function idleMilliseconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0);
}

/**
 * Starts watching.
 * @returns a function that stops and tells the share of all processors' time, 0 to 1, that was neither idle nor in our own
 *   use: other processes, other guests of the same host, the system itself. It takes our own use in milliseconds.
 */
export function watchOthers(): (ownMilliseconds: number) => number {
  const start = performance.now();
  const idle = idleMilliseconds();
  return (ownMilliseconds) => {
    const all = (performance.now() - start) * cpus().length;
    return Math.min(1, Math.max(0, 1 - (idleMilliseconds() - idle + ownMilliseconds) / all));
  };
}

/** From this share on the figures are not to be trusted. */
export const BUSY = 0.05;
