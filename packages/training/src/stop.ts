/** The wish to stop, from Ctrl-C or a signal of the program. */

const NAMES = ['SIGINT', 'SIGTERM'] as const;

/**
 * Takes the first Ctrl-C (SIGINT) or SIGTERM as the wish to stop; a second one ends the process, as ever. For programs: a library is given the
 * signal, and handles none on its own.
 * @param message told on stderr at the first one; '' for none.
 * @returns the signal, and what takes the handlers away when all is done.
 * @example
 * ```ts
 * import { stopAtInterrupt } from '@refconv/training/stop';
 *
 * const { signal, dispose } = stopAtInterrupt();
 * await fit({ model, data: set, recipe, folder: 'runs/baseline', signal });
 * dispose();
 * if (signal.aborted) process.exitCode = 130; // as a shell reports an interrupted program
 * ```
 */
export function stopAtInterrupt(message = 'Stopping after this step, with a checkpoint; Ctrl-C again ends at once.'): {
  signal: AbortSignal;
  dispose: () => void;
} {
  const stop = new AbortController();
  const interrupt = () => {
    dispose();
    if (message) process.stderr.write(`\n${message}\n`);
    stop.abort();
  };
  const dispose = () => {
    for (const name of NAMES) process.off(name, interrupt);
  };
  for (const name of NAMES) process.on(name, interrupt);
  return { signal: stop.signal, dispose };
}

/** @param options `stopOnInterrupt`: see {@link stopAtInterrupt}. */
export function stopSignal({ signal, stopOnInterrupt }: { signal?: AbortSignal; stopOnInterrupt?: boolean }) {
  const interrupt = stopOnInterrupt ? stopAtInterrupt() : undefined;
  return {
    get requested() {
      return interrupt?.signal.aborted === true || signal?.aborted === true;
    },
    dispose: () => interrupt?.dispose(),
  };
}
