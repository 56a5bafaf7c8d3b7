/** What `npm start` finds out, as `result.json` holds it. */
import type { Cost } from '@refconv/analysis';
import type { ConvmapInit } from '@refconv/refconv';
import type { MetricsRow, Recipe } from '@refconv/training';
import type { Agreement, Speed } from './compare.js';

/** The three trainings: the baseline, and two that go on from it, without and with RefConv. */
export const CURVES = ['baseline', 'control', 'refconv'] as const;
export type Curve = (typeof CURVES)[number];

/** One epoch, after each of which the test images are evaluated. */
export type EpochRow = MetricsRow & { testLoss: number; testTop1: number };

export const RESULT_FILE = 'result.json';

export interface StartResult {
  network: string;
  data: { name: string; source: string; train: number; test: number };
  /** Of each of the trainings; the refocusing rate is RefConv's alone. */
  recipe: Recipe;
  /** What both copies begin with. */
  baseline: {
    epochs: number;
    testTop1: number;
    /** The run that trained it, where it was kept in the repository. */
    run?: string;
  };
  /** How W_r begins. */
  init: ConvmapInit;
  /** A row for each epoch; each training counts its own from 1. A baseline that was kept has none. */
  curves: Record<Curve, EpochRow[]>;
  cost: Record<'baseline' | 'refocused' | 'merged', Omit<Cost, 'layers'>>;
  agreement: Agreement;
  speed: Speed;
  machine: { tensorflow: string; threads: number; cpu: string; node: string };
}
