/**
 * What a measurement and its workers say to each other: the setting as the worker's only argument, then one JSON line from the
 * worker when it is warm, then one JSON line for each command line.
 */
import type { OperationTime } from '@refconv/tensorflow';

/** Steps before the clock runs. */
export const WARM_UP_STEPS = 3;

/** Said once, after the warm-up. */
export interface Ready {
  /** Trainable numbers; everyone must have the same. */
  parameters: number;
  /** Multiplications of the forward pass for one image (convolutions and the classifier). */
  multiplyAdds?: number;
  buildMilliseconds: number;
  /** The first step, with everything that happens only then: recording, compiling, allocating. */
  firstStepMilliseconds: number;
  /** The last step of the warm-up. */
  warmStepMilliseconds: number;
  /** The largest resident set before the network was built: what the libraries take by themselves. */
  libraryMemoryMB: number;
  versions: Record<string, string>;
}

/** Answers `step N`. */
export interface Steps {
  /** Wall-clock time of each step. */
  milliseconds: number[];
  /** Processor time of all N steps together, over all threads. */
  cpuMilliseconds: number;
  /** The process's largest resident set so far, in 10⁶ bytes. */
  peakMemoryMB: number;
  /** Of the last step. */
  loss: number;
}

/** Answers `profile`. */
export interface Profile {
  profile: OperationTime[];
}
