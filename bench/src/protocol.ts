/** What the benchmark's workers are told; what they answer is in `@refconv/analysis/measurement`. bench/pytorch/worker.py speaks the same. */

/** Which network a worker builds, and how it is fed. */
export interface Setting {
  /** Its name among the networks of @refconv/backbones. */
  network: 'mobilenetv1' | 'mobilenetv2' | 'shufflenetv2' | 'resnet20_cifar';
  variant: 'imagenet' | 'cifar';
  /** Height and width of the images in pixels. */
  inputSize: number;
  classes: number;
  /** 1 for a network that has no other. */
  width: number;
  batch: number;
  /** Processor cores to use. */
  threads: number;
}

/** The same hyper-parameters for everyone; bench/pytorch/worker.py repeats them. */
export const LEARNING_RATE = 0.01;
export const MOMENTUM = 0.9;
export const WEIGHT_DECAY = 4e-5;

/** What a limits worker says, once. */
export interface Limits {
  /** Product of two 1024×1024 float32 matrices, the best of many, in 10⁹ operations a second. */
  matmulGflops: number;
  /** 64 million floats scaled in place, read and written, the best of several, in 10⁹ bytes a second. */
  bandwidthGBs: number;
  versions: Record<string, string>;
}
