/** Ends the process where a fault blocks it for good, as an endless loop does, which no timer of its own could. */
import { Worker } from 'node:worker_threads';

const WATCH = `
  const { workerData } = require('node:worker_threads');
  const beat = new Int32Array(workerData.beat);
  let [last, since] = [0, Date.now()];
  setInterval(() => {
    const now = Atomics.load(beat, 0);
    if (now !== last) [last, since] = [now, Date.now()];
    if (Date.now() - since < workerData.limit) return;
    require('node:fs').writeSync(2, 'The process is blocked by the last fault that is printed: it hangs.\\n');
    process.kill(process.pid, 'SIGKILL');
  }, 500);
`;

/** @param limit milliseconds for which the process may do nothing but one thing. */
export function watchdog(limit: number): { stop(): void } {
  const beat = new SharedArrayBuffer(4);
  const worker = new Worker(WATCH, { eval: true, workerData: { beat, limit } });
  worker.unref();
  const counter = new Int32Array(beat);
  const beats = setInterval(() => Atomics.add(counter, 0, 1), 500);
  beats.unref();
  return {
    stop() {
      clearInterval(beats);
      void worker.terminate();
    },
  };
}
