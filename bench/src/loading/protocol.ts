/** What a contestant of the loading benchmark is asked and answers. */
export const TRANSFORMS = {
  train: 'randomResizedCrop(224)|flip|normalize(imagenet)',
  eval: 'resize(256)|centerCrop(224)|normalize(imagenet)',
} as const;

export type Mode = keyof typeof TRANSFORMS;

/** One pass over the images. */
export interface Epoch {
  images: number;
  milliseconds: number;
  /** Of all its processes and threads. */
  cpuMilliseconds: number;
  /** Proportional set size of all its processes, after the pass. */
  memoryBytes: number;
}

/** What a contestant took, round by round. */
export interface Row {
  mode: Mode;
  workers: number;
  contestant: string;
  rounds: Epoch[];
}

export interface Ready {
  versions: Record<string, string>;
}
