/** The main job in small: a baseline is refocused, trained on and merged; a control trains on without RefConv. The baseline is trained before, or was kept. */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { cost } from '@refconv/analysis';
import { mobilenetv1 } from '@refconv/backbones';
import { counted } from '@refconv/datasets/text';
import { type ConvmapInit, merge, refocus } from '@refconv/refconv';
import { shortHash } from '@refconv/runs';
import { loadedInstallation } from '@refconv/tensorflow';
import {
  evaluate,
  type FitOptions,
  fit,
  type MetricsRow,
  PAPER_RECIPE,
  type Recipe,
  saveModel,
  threadCount,
} from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import type { KeptBaseline } from './baseline.js';
import { agreement, speedOf } from './compare.js';
import type { StartData } from './data.js';
import { type Curve, type EpochRow, RESULT_FILE, type StartResult } from './result.js';

export interface StartSettings {
  /** Of the baseline, and as many more with RefConv, and of the control. */
  epochs: number;
  batchSize: number;
  /** The highest learning rate. */
  learningRate: number;
  /** Width multiplier of MobileNetV1. */
  width: number;
  /** Of the weights, W_r, the images' order and their augmentation. */
  seed: number;
  /** How W_r begins. Default: the paper's. */
  init?: ConvmapInit;
  /** See {@link Recipe.refocusingRate}. */
  refocusingRate?: Recipe['refocusingRate'];
}

export interface StartOptions extends StartSettings, StartData, Pick<FitOptions, 'signal' | 'onStep'> {
  /** A trained network, in place of one that is trained here first; the caller disposes of it. */
  baseline?: KeptBaseline;
  /** Where everything goes. What an interrupted run left there is taken up. */
  folder: string;
  log?: (line: string) => void;
  showProgress?: boolean;
}

/** The paper's recipe on fewer epochs: the warm-up keeps its share of them, 5 of 105. */
export function startRecipe({ epochs, batchSize, learningRate, seed }: StartSettings): Recipe {
  const warmUpEpochs = (epochs * PAPER_RECIPE.warmUpEpochs) / PAPER_RECIPE.epochs;
  return { ...PAPER_RECIPE, epochs, warmUpEpochs, batchSize, learningRate, seed };
}

/**
 * Trains the three, or the two that follow a baseline that was kept, compares the refocused network with its merged form and that with the baseline. In `folder`: the checkpoints
 * and metrics.csv of `baseline`, `control` and `refconv`, the `merged` model as a folder that tfjs loads, and result.json.
 * @returns undefined if it was stopped before the end.
 * @throws what {@link fit} throws.
 */
export async function start(options: StartOptions): Promise<StartResult | undefined> {
  const { data, mean, std, folder, width, seed, log = console.log, ...others } = options;
  const { signal, onStep, showProgress, baseline: kept, init = 'xavier', refocusingRate } = others;
  const recipe = startRecipe(options);
  const models: LayersModel[] = [];
  const owned = (model: LayersModel) => {
    models.push(model);
    return model;
  };
  const build = () =>
    owned(mobilenetv1({ variant: 'cifar', width, classes: data.classes.length, inputSize: data.train.height, seed }));
  const curves: Partial<Record<Curve, MetricsRow[]>> = {};
  const train = async (curve: Curve, model: LayersModel): Promise<boolean> => {
    const control = { signal, onStep, showProgress, log };
    const own = curve === 'refconv' && refocusingRate !== undefined ? { ...recipe, refocusingRate } : recipe;
    const { rows, stopped } = await fit({
      model,
      data,
      mean,
      std,
      recipe: own,
      folder: join(folder, curve),
      ...control,
    });
    curves[curve] = rows;
    // A wish that came during the last evaluation.
    return !stopped && signal?.aborted !== true;
  };

  try {
    const baseline = kept?.model ?? build();
    const baselineCost = costOf(baseline);
    log(
      `Baseline: MobileNetV1 ×${width}, ${number(baselineCost.trainable)} parameters, ${number(baselineCost.macs)} MACs an image`,
    );
    let began: StartResult['baseline'];
    if (kept) {
      const { epochs } = kept.spec.recipe;
      const { top1: testTop1 } = await evaluate(baseline, data.test, { mean, std });
      log(
        `It was trained before, for ${counted(epochs, 'epoch')} (run ${shortHash(kept.hash)}): test accuracy ${(100 * testTop1).toFixed(2)} %`,
      );
      began = { epochs, testTop1, run: kept.hash };
    } else {
      if (!(await train('baseline', baseline))) return undefined;
      began = { epochs: recipe.epochs, testTop1: curves.baseline?.at(-1)?.testTop1 ?? Number.NaN };
    }

    log(`Control: the baseline, ${counted(recipe.epochs, 'epoch')} more without RefConv`);
    const control = build();
    control.setWeights(baseline.getWeights());
    if (!(await train('control', control))) return undefined;

    const refocused = owned(await refocus(baseline, { seed, init }));
    const refocusedCost = costOf(refocused);
    log(
      `RefConv: the baseline refocused, ${counted(recipe.epochs, 'epoch')} more; ${number(refocusedCost.trainable)} parameters train`,
    );
    if (!(await train('refconv', refocused))) return undefined;

    const merged = owned(await merge(refocused));
    const mergedCost = costOf(merged);
    log(`Merged: ${number(mergedCost.trainable)} parameters, ${number(mergedCost.macs)} MACs an image`);
    const agreed = agreement(refocused, merged, data.test, { mean, std });
    log(
      `Merged and refocused predict the same on ${number(agreed.samePredictions)} of ${number(agreed.images)} test images; ` +
        `largest difference of a logit ${agreed.largestLogitDifference.toPrecision(2)}, largest logit ${agreed.largestLogit.toFixed(1)}`,
    );
    const speed = speedOf({ baseline, merged, refocused }, data.test);
    log(
      `Evaluating ${speed.batchSize} images: baseline ${speed.baseline.toFixed(1)} ms, merged ${speed.merged.toFixed(1)} ms; ` +
        `merged ÷ baseline ${speed.ratio[1].toFixed(2)} (median of ${speed.rounds} rounds)`,
    );

    await saveModel(merged, join(folder, 'merged'), { mean, std, classes: data.classes }, { replace: true });
    const { name, source, train: images, test } = data;
    const result: StartResult = {
      network: `MobileNetV1 ×${width}`,
      data: { name, source, train: images.count, test: test.count },
      recipe: refocusingRate === undefined ? recipe : { ...recipe, refocusingRate },
      baseline: began,
      init,
      curves: { baseline: [], ...curves } as Record<Curve, EpochRow[]>,
      cost: { baseline: baselineCost, refocused: refocusedCost, merged: mergedCost },
      agreement: agreed,
      speed,
      machine: {
        tensorflow: `${loadedInstallation.version} (${loadedInstallation.flavour})`,
        threads: threadCount(),
        cpu: cpus()[0]?.model ?? 'unknown',
        node: process.version,
      },
    };
    await writeFile(join(folder, RESULT_FILE), `${JSON.stringify(result, undefined, 2)}\n`);
    return result;
  } finally {
    for (const model of models) model.dispose();
  }
}

function costOf(model: LayersModel) {
  const { layers: _, ...sums } = cost(model);
  return sums;
}

const number = (value: number) => value.toLocaleString('en');
