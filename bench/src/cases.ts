/** What is measured, and what is aimed at. */
import type { Setting } from './protocol.js';

/** In the order of the tables; the ratios are those of the first to each of the others. */
export const CONTESTANTS = ['compiled', 'eager', 'stock', 'pytorch', 'pytorch-compile'] as const;
export type ContestantName = (typeof CONTESTANTS)[number];

/** An upper limit on compiled's figure divided by the other's. */
export interface Target {
  measure: 'time' | 'memory';
  other: ContestantName;
  atMost: number;
}

export interface Case {
  title: string;
  setting: Omit<Setting, 'threads'>;
  contestants: readonly ContestantName[];
  targets: Target[];
}

const CIFAR = { variant: 'cifar', inputSize: 32, classes: 10 } as const;
const IMAGENET = { variant: 'imagenet', inputSize: 224, classes: 1000 } as const;

const BESIDE_PYTORCH = ['compiled', 'pytorch', 'pytorch-compile'] as const;

export const CASES: Record<string, Case> = {
  A: {
    title: 'MobileNetV1, 32×32, batch 128',
    setting: { network: 'mobilenetv1', ...CIFAR, width: 1, batch: 128 },
    contestants: CONTESTANTS,
    targets: [
      { measure: 'time', other: 'pytorch', atMost: 0.6 },
      { measure: 'time', other: 'pytorch-compile', atMost: 0.65 },
      { measure: 'time', other: 'stock', atMost: 0.2 },
      { measure: 'memory', other: 'pytorch', atMost: 1 },
    ],
  },
  B: {
    title: 'MobileNetV1, 224×224, batch 16',
    setting: { network: 'mobilenetv1', ...IMAGENET, width: 1, batch: 16 },
    contestants: BESIDE_PYTORCH,
    targets: [
      { measure: 'time', other: 'pytorch', atMost: 0.6 },
      { measure: 'time', other: 'pytorch-compile', atMost: 0.65 },
      { measure: 'memory', other: 'pytorch', atMost: 1 },
    ],
  },
  C: {
    title: 'MobileNetV1 ×0.25, 32×32, batch 32',
    setting: { network: 'mobilenetv1', ...CIFAR, width: 0.25, batch: 32 },
    contestants: CONTESTANTS,
    targets: [
      { measure: 'time', other: 'eager', atMost: 0.4 },
      { measure: 'memory', other: 'pytorch', atMost: 1 },
    ],
  },
  D: {
    title: 'MobileNetV1 ×0.25, 32×32, batch 128',
    setting: { network: 'mobilenetv1', ...CIFAR, width: 0.25, batch: 128 },
    contestants: BESIDE_PYTORCH,
    targets: [
      { measure: 'time', other: 'pytorch', atMost: 0.45 },
      { measure: 'time', other: 'pytorch-compile', atMost: 0.55 },
    ],
  },
  E: {
    title: 'MobileNetV2 ×0.25, 32×32, batch 128',
    setting: { network: 'mobilenetv2', ...CIFAR, width: 0.25, batch: 128 },
    contestants: BESIDE_PYTORCH,
    targets: [{ measure: 'time', other: 'pytorch', atMost: 0.55 }],
  },
  F: {
    title: 'ShuffleNetV2 ×0.5, 32×32, batch 128',
    setting: { network: 'shufflenetv2', ...CIFAR, width: 0.5, batch: 128 },
    contestants: BESIDE_PYTORCH,
    targets: [{ measure: 'time', other: 'pytorch', atMost: 0.55 }],
  },
  G: {
    title: 'ResNet-20, 32×32, batch 128',
    setting: { network: 'resnet20_cifar', ...CIFAR, width: 1, batch: 128 },
    contestants: BESIDE_PYTORCH,
    targets: [{ measure: 'time', other: 'pytorch', atMost: 0.8 }],
  },
};

/** The same case made small, to try the benchmark itself; the targets do not hold for it. */
export function quickened({ title, setting, contestants }: Case): Case {
  const { network, width } = setting;
  const narrow = network === 'mobilenetv1' ? 0.25 : width;
  return { title: `tiny: ${title}`, setting: { ...setting, width: narrow, batch: 8 }, contestants, targets: [] };
}
