/** What TensorFlow says of a collective operation that failed, as a sentence that can be acted upon. */
import { currentCluster } from './cluster.js';

/** The tasks of a cluster cannot go on together. TensorFlow does not recover from it: all processes have to be started again. */
export class WorkerError extends Error {
  override name = 'WorkerError';

  /** @param lost Another task has ended or does not answer: it, or who started it, knows why. Else the tasks compute unlike things. */
  constructor(
    message: string,
    readonly lost: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** @param name of the compiled function that was called. */
export function collectiveFailure(name: string, error: unknown): WorkerError {
  const { message } = error as Error;
  const { task, tasks, timeout } = currentCluster() ?? {};
  const who = `Task ${task} of ${tasks}, in ${name}`;
  // TensorFlow repeats itself over many lines.
  const said = message.split('\n').find((line) => !/^From |^$/.test(line)) ?? message;
  const options = { cause: error };
  if (/mismatch|but got|but that|expected (type|shape|size|group)/i.test(message))
    return new WorkerError(
      `${who}: the tasks do not compute the same. All must call the same compiled functions in the same order. ${said}`,
      false,
      options,
    );
  if (/timed out|deadline/i.test(message))
    return new WorkerError(
      `${who}: another task did not take part within ${timeout} s: it hangs, or has not come so far.`,
      true,
      options,
    );
  return new WorkerError(
    `${who}: another task has ended or cannot be reached any more. Start all again. (${said})`,
    true,
    options,
  );
}
