/** What a launcher and its workers tell each other. */

/** The variable that names the launcher's process, with which its workers end. */
export const LAUNCHER = 'REFCONV_LAUNCHER';

/** The exit status of a worker that ends as it has lost another one, or been told of another's failure: its launcher tells what happened. */
export const WORKER_FAILED = 76;

/** Whether an error is a `WorkerError` of another worker that was lost: such a process ends with {@link WORKER_FAILED}. */
export const isLost = (error: unknown): boolean => (error as { lost?: boolean }).lost === true;
