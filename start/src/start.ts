/** The main job in small: a baseline is refocused, trained on and merged; a control trains on without RefConv. The baseline is trained before, or was kept. */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { cost } from '@refconv/analysis';
import { MemoryImages } from '@refconv/datasets';
import { counted } from '@refconv/datasets/text';
import { readCsv } from '@refconv/files';
import type { ConvmapInit } from '@refconv/refconv';
import { hashOfSpec, parseSpec, type Spec, type SpecInput, shortHash } from '@refconv/runs';
import { trainRun } from '@refconv/runs/train';
import { loadedInstallation } from '@refconv/tensorflow';
import {
  evaluate,
  type FitOptions,
  loadModel,
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

/** What is trained: the baseline, and what starts from it. @param from the run of the baseline. */
function specs(
  { data, width, seed, init = 'xavier', refocusingRate, ...options }: StartOptions,
  from: Spec | undefined,
) {
  const { name, train, test } = data;
  const { seed: _, ...recipe } = startRecipe({ ...options, width, seed });
  const drawn = name === 'synthetic' && { test: test.count, size: train.height };
  const baseline: SpecInput = {
    network: { id: 'mobilenetv1', variant: 'cifar', width },
    data: { name, train: train.count, ...drawn },
    recipe: { nesterov: false, resetMomentumAfterWarmUp: false, ...recipe },
    seed,
    threads: loadedInstallation.flavour === 'cpu' ? threadCount() : null,
  };
  const first = parseSpec(baseline);
  const second = { ...baseline, from: hashOfSpec(from ?? first) };
  const own = { ...baseline.recipe, ...(refocusingRate !== undefined && { refocusingRate }) };
  const control = parseSpec(second);
  const refconv = parseSpec({ ...second, recipe: own, method: { id: 'refconv', options: { init } } });
  return { baseline: first, control, refconv };
}

/**
 * Trains the three, or the two that follow a baseline that was kept, compares the refocused network with its merged form and that with the baseline. Each is
 * a run's spec, trained by {@link trainRun}. In `folder`: the folders of `baseline`, `control` and `refconv`, the `merged` model as a folder that tfjs
 * loads, and result.json.
 * @returns undefined if it was stopped before the end.
 * @throws what {@link trainRun} throws.
 */
export async function start(options: StartOptions): Promise<StartResult | undefined> {
  const { data, mean, std, folder, width, log = console.log, signal, onStep, showProgress, baseline: kept } = options;
  const { init = 'xavier', refocusingRate } = options;
  const planned = specs(options, kept?.spec);
  const { epochs } = planned.baseline.recipe;
  const models: LayersModel[] = [];
  const open = async (path: string) => {
    const { model } = await loadModel(path);
    models.push(model);
    return model;
  };
  const curves: Partial<Record<Curve, EpochRow[]>> = {};
  const place = kept?.folder ?? join(folder, 'baseline', 'model');
  const train = async (curve: Curve) => {
    const result = await trainRun(planned[curve], join(folder, curve), {
      ...{ data: { data, mean, std }, models: { [planned.control.from as string]: place }, log },
      ...{ ...(signal && { signal }), ...(onStep && { onStep }), ...(showProgress !== undefined && { showProgress }) },
    });
    if (result) curves[curve] = await rowsOf(join(folder, curve));
    return result;
  };

  try {
    let began: StartResult['baseline'];
    if (!kept) {
      log(`Baseline: MobileNetV1 ×${width}, ${counted(epochs, 'epoch')}`);
      if (!(await train('baseline'))) return undefined;
      began = { epochs, testTop1: curves.baseline?.at(-1)?.testTop1 ?? Number.NaN };
    } else {
      const { epochs } = kept.spec.recipe;
      const { top1: testTop1 } = await evaluate(kept.model, new MemoryImages(data.test, { mean, std }));
      log(
        `Baseline: MobileNetV1 ×${width}, trained before, for ${counted(epochs, 'epoch')} (run ${shortHash(kept.hash)}): test accuracy ${(100 * testTop1).toFixed(2)} %`,
      );
      began = { epochs, testTop1, run: kept.hash };
    }
    const baseline = kept?.model ?? (await open(place));
    const baselineCost = costOf(baseline);
    log(`Its ${number(baselineCost.trainable)} parameters take ${number(baselineCost.macs)} MACs an image`);

    log(`Control: the baseline, ${counted(epochs, 'epoch')} more without RefConv`);
    if (!(await train('control'))) return undefined;

    log(`RefConv: the baseline refocused, ${counted(epochs, 'epoch')} more`);
    if (!(await train('refconv'))) return undefined;
    const refocused = await open(join(folder, 'refconv', 'model'));
    const refocusedCost = costOf(refocused);

    const merged = await open(join(folder, 'refconv', 'merged'));
    const mergedCost = costOf(merged);
    log(
      `Merged: ${number(mergedCost.trainable)} parameters of ${number(refocusedCost.trainable)}, ${number(mergedCost.macs)} MACs an image`,
    );
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
      recipe: { ...startRecipe(options), ...(refocusingRate !== undefined && { refocusingRate }) },
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

/** The epochs of a folder's metrics.csv. */
async function rowsOf(folder: string): Promise<EpochRow[]> {
  const rows = (await readCsv(join(folder, 'metrics.csv'))) ?? [];
  return rows.map((row) => {
    const of = (name: string) => Number(row[name]);
    return {
      ...{ epoch: of('epoch'), step: of('step'), learningRate: of('learning_rate'), trainLoss: of('train_loss') },
      ...{ testLoss: of('test_loss'), testTop1: of('test_top1'), seconds: of('seconds') },
      ...(row.kernel_change && { kernelChange: of('kernel_change') }),
    };
  });
}

function costOf(model: LayersModel) {
  const { layers: _, ...sums } = cost(model);
  return sums;
}

const number = (value: number) => value.toLocaleString('en');
