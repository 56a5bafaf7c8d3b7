/** The wish to stop, from a signal of the program or of the keyboard. */

/**
 * @param options `stopOnInterrupt`: the first SIGINT or SIGTERM is taken as the wish to stop; a second one ends the process, as ever.
 */
export function stopSignal({ signal, stopOnInterrupt }: { signal?: AbortSignal; stopOnInterrupt?: boolean }) {
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
    dispose();
    process.stderr.write('\nStopping after this step, with a checkpoint; Ctrl-C again ends at once.\n');
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const dispose = () => {
    for (const name of signals) process.off(name, interrupt);
  };
  if (stopOnInterrupt) for (const name of signals) process.on(name, interrupt);
  return {
    get requested() {
      return interrupted || signal?.aborted === true;
    },
    dispose,
  };
}
