/** Progress of a long job: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  update(done: number, note: string): void;
  stop(): void;
}

/** Lines are at least this far apart, in milliseconds. */
const LINE_INTERVAL = 10_000;

/**
 * A bar where the stream is a terminal; else a line now and then.
 * @example
 * ```ts
 * const bar = progress(100, 'evaluating');
 * for (let done = 0; done <= 100; done += 10) bar.update(done, `${done} images`);
 * bar.stop();
 * ```
 */
export function progress(total: number, label: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (stream.isTTY) {
    const format = `${label} {bar} {value}/{total} {note} {eta_formatted} left`;
    const bar = new SingleBar({ format, stream, hideCursor: true }, Presets.shades_classic);
    bar.start(total, 0, { note: '' });
    return {
      update: (done, note) => bar.update(done, { note }),
      stop: () => bar.stop(),
    };
  }
  let last = performance.now();
  return {
    update(done, note) {
      const now = performance.now();
      if (now - last < LINE_INTERVAL && done < total) return;
      last = now;
      stream.write(`${label} ${done}/${total} ${note}\n`);
    },
    stop() {},
  };
}
