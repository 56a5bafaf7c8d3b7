import { cost, trainingCost } from '@refconv/analysis';
import { BACKBONES, buildBackbone } from '@refconv/backbones';
import { withoutDrawing } from '@refconv/layers';
import { type LeftLayer, merge, reparameterizedLayers } from '@refconv/refconv';
import { openSource, type SourceOptions, sourceOptions } from '@refconv/runs/networks';
import { leftOutText } from '@refconv/training/leftOut';
import type { LayersModel } from '@tensorflow/tfjs';
import { stringify } from 'csv-stringify/sync';
import { type MethodFlags, reparameterized } from '../method.js';

interface InfoOptions extends SourceOptions, MethodFlags {
  method: string;
  all?: boolean;
  json?: boolean;
  csv?: boolean;
}

/** One network in numbers, and what a method makes of it in training; the names of the columns. */
interface Row {
  network: string;
  parameters: number;
  macs: number;
  method: string;
  convolutions: number;
  /** Numbers of the method's layers that are not trained: RefConv's W_b, the others' moving statistics. */
  frozen: number;
  /** Numbers of the method's layers that are trained, without plain biases: RefConv's W_r. */
  learned: number;
  trainable: number;
  training_macs: number;
  macs_per_step: number;
}

const grouped = (value: unknown) => (typeof value === 'number' ? value.toLocaleString('en') : String(value));

/** Lines of columns, numbers to the right. */
function table(rows: readonly object[]): string {
  const [first] = rows;
  if (!first) return '';
  const lines = [Object.keys(first), ...rows.map((row) => Object.values(row).map(grouped))];
  const widths = Object.keys(first).map((_, i) => Math.max(...lines.map((line) => (line[i] as string).length)));
  const isNumber = Object.values(first).map((value) => typeof value === 'number');
  const pad = (text: string, i: number) =>
    isNumber[i] ? text.padStart(widths[i] as number) : text.padEnd(widths[i] as number);
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

const toCsv = (rows: readonly object[]) => stringify(rows as object[], { header: true }).trimEnd();

/** The numbers of a model, plain or re-parameterised already; disposes it. */
async function describe(network: string, model: LayersModel, options: InfoOptions) {
  const already = reparameterizedLayers(model).length > 0;
  const plain = already ? await merge(model) : model;
  const { trainable: parameters, macs } = cost(plain);
  // Drawing W_r would take longer than all the rest, and changes no number here.
  let left: readonly LeftLayer[] = [];
  const onLeft = (layers: readonly LeftLayer[]) => {
    left = layers;
  };
  const changed = already
    ? model
    : await reparameterized(plain, options.method, { ...options, init: 'zero' }, { onLeft });
  const training = trainingCost(changed);
  const layers = training.layers.map(({ name, kernel, strides, trainable, frozen, macs }) => ({
    name,
    kernel: kernel.join('×'),
    stride: strides.join('×'),
    frozen,
    learned: trainable,
    macs_per_step: macs.step,
  }));
  const sum = (key: 'frozen' | 'learned') => layers.reduce((total, layer) => total + layer[key], 0);
  const row: Row = {
    network,
    parameters,
    macs,
    method: training.layers[0]?.method ?? '',
    convolutions: layers.length,
    frozen: sum('frozen'),
    learned: sum('learned'),
    trainable: training.trainable,
    training_macs: training.macs.image,
    macs_per_step: training.macs.step,
  };
  if (already) plain.dispose();
  changed.dispose();
  return { row, layers, left };
}

export async function info(options: InfoOptions): Promise<void> {
  if (options.json && options.csv) throw new Error('Give --json or --csv, not both.');
  if (options.all) {
    const rows: Row[] = [];
    for (const [id, { variants }] of BACKBONES.entries()) {
      if (options.variant && !variants.includes(options.variant)) continue;
      const model = withoutDrawing(() => buildBackbone(id, options.variant ? { variant: options.variant } : {}));
      rows.push((await describe(id, model, { withoutBatchNorm: 'bias', ...options })).row);
    }
    console.log(options.json ? JSON.stringify(rows, undefined, 2) : options.csv ? toCsv(rows) : table(rows));
    return;
  }
  const { model, notes } = await openSource(sourceOptions(options), undefined, { tensorsOnly: true });
  const { row, layers, left } = await describe(model.name, model, options);
  if (options.csv) {
    console.log(toCsv([row]));
    return;
  }
  const { family, reference, licence, published, refconv } = BACKBONES.find(notes.backbone?.id) ?? {};
  const about = { family, reference, licence, published, refconv };
  if (options.json) {
    console.log(JSON.stringify({ ...row, ...about, layers, left }, undefined, 2));
    return;
  }
  const line = (name: string, value: unknown) =>
    console.log(`${name.replaceAll('_', ' ').padEnd(16)}${grouped(value)}`);
  for (const [name, value] of Object.entries(row)) line(name, value);
  if (family) for (const [name, value] of Object.entries({ family, reference, licence })) line(name, value);
  for (const { top1, weights, source } of published ?? []) line('published', `top-1 ${top1} %, ${weights} (${source})`);
  if (refconv) line('RefConv takes', refconv);
  console.log(`\n${table(layers)}`);
  for (const text of leftOutText({ layers: [...left] })) console.log(`\n${text}`);
}
