/** Attacks on the real ResNet-20, as the reference computed them, with the network and the images; nothing where they are missing. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBackbone } from '@refconv/backbones';
import { findDataset, type ImageDataset, type ImageSplit, openDataset } from '@refconv/datasets';
import { loadTorchState, readWeights } from '@refconv/weights';
import type { LayersModel } from '@tensorflow/tfjs';
import { shared } from '../../../backbones/dist/testing/oracle.js';

/** Of one attack by one eps: float64 on the first images, float32 on all. */
export interface AttackCase {
  /** In 1/255. */
  eps: number;
  right: number;
  correct: string;
  /** Mean cross entropies at the start and after each step. */
  losses: number[];
  spread: number[];
  /** Images that the reference's own float32 decides otherwise. */
  differ: number;
  right32: number;
  correct32: string;
}

export interface AttackOracle {
  images: [number, number];
  steps: number;
  logits: number[][];
  spread: number;
  attacks: Record<'fgsm' | 'pgd' | 'apgd', AttackCase[]>;
  linear: {
    weight: number[][];
    bias: number[];
    input: number[][];
    labels: number[];
    /** ‖w₁ − w₀‖₁. */
    distance: number;
    /** eps where a pixel is 1. */
    cases: { eps: number; margins: number[]; losses: number[] }[];
  };
  floatTrap: { right32: number[] };
}

export function readAttackOracle(): AttackOracle | undefined {
  const path = join(shared, 'oracles/dense/attacks.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** ResNet-20's weights are normalised by these. */
export const RESNET20 = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export async function resnet20(): Promise<{ model: LayersModel; test: ImageSplit } | undefined> {
  const weights = join(shared, 'data/weights/resnet20_cifar10.safetensors');
  if (!existsSync(weights) || !findDataset('cifar10')) return undefined;
  const model = buildBackbone('resnet20_cifar', { classes: 10 });
  loadTorchState(model, await readWeights(weights));
  const { data } = await openDataset('cifar10', { log: () => {} });
  return { model, test: (data as ImageDataset).test };
}
