/** What refocusing did to the kernels of depthwise layers: connectivity, redundancy, skeletons. */
import { join } from 'node:path';
import {
  connectivity,
  connectivityOf,
  kernelSkeletonsOf,
  type LayerSkeletons,
  type Matrix,
  redundancyOf,
  skeletonsOf,
  summarize,
} from '@refconv/analysis';
import { writeAtomically } from '@refconv/files';
import { refconvLayers } from '@refconv/refconv';
import { loadModel } from '@refconv/training';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { stringify } from 'csv-stringify/sync';
import { MERGED, MODEL, readSpec } from '../folder.js';
import { finishedModel, startingModel } from '../network.js';
import type { AnalysisRow } from '../result.js';
import type { Hash, Spec } from '../spec.js';
import type { Analyse, AnalysisTask } from './analyse.js';

type Cell = string | number;

/** Does something with the refocused network, before merging. */
async function withModel<T>(
  { root, spec }: AnalysisTask<unknown>,
  use: (model: LayersModel) => Promise<T>,
): Promise<T> {
  const { model } = await loadModel(finishedModel(root, spec.from as Hash, [MODEL]));
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

const write = (folder: string, name: string, header: readonly string[], rows: Cell[][]) =>
  writeAtomically(join(folder, name), [stringify([header as Cell[], ...rows])]);

/** The entries of a matrix as rows: what stands before, row, column, value. */
const entries = (before: Cell[], { columns, values }: Matrix): Cell[][] =>
  [...values].map((value, at) => [...before, Math.floor(at / columns), at % columns, value]);

/** Writes connectivity.csv. Beside each layer's summary: what an initial W_r gives, and the matrix of what was added to the run's own initial W_r. */
export const analyseConnectivity: Analyse<'connectivity'> = (task) =>
  withModel(task, async (model) => {
    const { root, folder, spec, analysis } = task;
    const channels = analysis.channels ?? undefined;
    const layers = connectivityOf(model, { channels });
    const matrices = layers.flatMap(({ name, matrix }) => entries([name], matrix));
    await write(folder, 'connectivity.csv', ['layer', 'row', 'column', 'value'], matrices);
    // It starts from its baseline's run, which says classes and size itself.
    const trained = (await readSpec(root, spec.from as Hash)) as Spec;
    const [[input], [output]] = [model.inputs, model.outputs] as [[SymbolicTensor], [SymbolicTensor]];
    const [height, classes] = [input.shape[1], output.shape[1]] as [number, number];
    const before = await startingModel(root, trained, { classes, shape: [height, height] });
    try {
      const [initials, finals] = [refconvLayers(before), refconvLayers(model)];
      return layers.map(({ name, summary, initial }): AnalysisRow => {
        const find = (all: typeof finals) => all.find((layer) => layer.name === name) as (typeof finals)[number];
        const learned = summarize(connectivity(find(finals), { channels, initial: find(initials) }));
        return {
          layer: name,
          mean: summary.mean,
          off_diagonal_mean: summary.offDiagonalMean,
          initial_mean: initial.mean,
          initial_standard_deviation: initial.standardDeviation,
          learned_mean: learned.mean,
          learned_off_diagonal_mean: learned.offDiagonalMean,
        };
      });
    } finally {
      before.dispose();
    }
  });

/** Writes redundancy.csv. The table has each layer's mean divergence of two channels. */
export const analyseRedundancy: Analyse<'redundancy'> = (task) =>
  withModel(task, async (model) => {
    const layers = redundancyOf(model, { channels: task.analysis.channels ?? undefined });
    const matrices = layers.flatMap(({ name, basis, transformed }) =>
      (['plain', 'unitNorm'] as const).flatMap((measure) => [
        ...entries([name, 'W_b', measure], basis[measure]),
        ...entries([name, 'W_t', measure], transformed[measure]),
      ]),
    );
    await write(task.folder, 'redundancy.csv', ['layer', 'kernel', 'measure', 'row', 'column', 'value'], matrices);
    return layers.map(({ name, basis, transformed }) => ({
      layer: name,
      basis: basis.summary.plain.offDiagonalMean,
      transformed: transformed.summary.plain.offDiagonalMean,
      basis_unit_norm: basis.summary.unitNorm.offDiagonalMean,
      transformed_unit_norm: transformed.summary.unitNorm.offDiagonalMean,
    }));
  });

/** The skeletons of W_b and W_t; of a plain network, those of its kernels in the network that it started from, and in itself. */
async function beforeAndAfter({ root, spec }: AnalysisTask<unknown>, model: LayersModel): Promise<LayerSkeletons[]> {
  if (refconvLayers(model).length > 0) return skeletonsOf(model);
  const trained = (await readSpec(root, spec.from as Hash)) as Spec;
  if (!trained.from)
    throw new Error(
      'The skeletons of a plain network are compared with those that it started from; this one started from none.',
    );
  const start = await loadModel(finishedModel(root, trained.from, [MERGED, MODEL]));
  const [before, after] = [kernelSkeletonsOf(start.model), kernelSkeletonsOf(model)];
  start.model.dispose();
  return [...after].map(([name, transformed]) => ({ name, basis: before.get(name) as Matrix, transformed }));
}

/** Writes skeletons.csv. The table has the share of the centre, and of the row and the column through it, in a kernel's magnitude. */
export const analyseSkeletons: Analyse<'skeletons'> = (task) =>
  withModel(task, async (model) => {
    const layers = await beforeAndAfter(task, model);
    const matrices = layers.flatMap(({ name, basis, transformed }) => [
      ...entries([name, 'W_b'], basis),
      ...entries([name, 'W_t'], transformed),
    ]);
    await write(task.folder, 'skeletons.csv', ['layer', 'kernel', 'row', 'column', 'value'], matrices);
    return layers.map(({ name, basis, transformed }) => {
      const [before, after] = [shares(basis), shares(transformed)];
      return {
        layer: name,
        basis_centre: before.centre,
        transformed_centre: after.centre,
        basis_cross: before.cross,
        transformed_cross: after.cross,
      };
    });
  });

function shares({ rows, columns, values }: Matrix): { centre: number; cross: number } {
  const [row, column] = [Math.floor(rows / 2), Math.floor(columns / 2)];
  const total = values.reduce((sum, value) => sum + value, 0);
  const share = (counts: (r: number, c: number) => boolean) =>
    values.reduce((sum, value, at) => (counts(Math.floor(at / columns), at % columns) ? sum + value : sum), 0) / total;
  return {
    centre: share((r, c) => r === row && c === column),
    cross: share((r, c) => r === row || c === column),
  };
}
