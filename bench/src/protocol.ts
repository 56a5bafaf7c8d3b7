/**
 * What the benchmark and its workers say to each other: the setting as the worker's only argument, then one JSON line from the
 * worker when it is warm, then one JSON line for each command line. bench/pytorch/worker.py speaks the same.
 */
import type { OperationTime } from '@refconv/tensorflow';

/** Which network a worker builds, and how it is fed. */
export interface Setting {
  variant: 'imagenet' | 'cifar';
  /** Height and width of the images in pixels. */
  inputSize: number;
  classes: number;
  width: number;
  batch: number;
  /** Processor cores to use. */
  threads: number;
}

/** The same hyper-parameters for everyone; bench/pytorch/worker.py repeats them. */
export const LEARNING_RATE = 0.01;
export const MOMENTUM = 0.9;
export const WEIGHT_DECAY = 4e-5;

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
  /** Of that, the time spent inside the recorded function. */
  recordingMilliseconds?: number;
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

/** What a limits worker says, once. */
export interface Limits {
  /** Product of two 1024×1024 float32 matrices, the best of many, in 10⁹ operations a second. */
  matmulGflops: number;
  /** 64 million floats scaled in place, read and written, the best of several, in 10⁹ bytes a second. */
  bandwidthGBs: number;
  versions: Record<string, string>;
}
