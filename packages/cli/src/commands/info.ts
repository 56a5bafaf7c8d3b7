import { type Cost, cost, type RefConvCost, refconvCost } from '@refconv/analysis';
import { BACKBONES, buildBackbone } from '@refconv/backbones';
import { reparameterizedLayers } from '@refconv/refconv';
import type { LayersModel } from '@tensorflow/tfjs';
import { stringify } from 'csv-stringify/sync';
import { openSource, type SourceOptions } from '../source.js';
import { type RefConvFlags, refocusOptions, sourceOptions } from './refocus.js';

interface InfoOptions extends SourceOptions, RefConvFlags {
  all?: boolean;
  json?: boolean;
  csv?: boolean;
}

/** One network in numbers; the names of the columns. */
interface Row {
  network: string;
  parameters: number;
  macs: number;
  convolutions: number;
  basis: number;
  map: number;
  trainable_with_refconv: number;
  map_macs_per_step: number;
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

function row(network: string, { trainable, macs }: Cost, refconv: RefConvCost): Row {
  const { layers, basis, map, mapMacs } = refconv;
  return {
    network,
    parameters: trainable,
    macs,
    convolutions: layers.length,
    basis,
    map,
    trainable_with_refconv: refconv.trainable,
    map_macs_per_step: mapMacs,
  };
}

const toCsv = (rows: readonly object[]) => stringify(rows as object[], { header: true }).trimEnd();

/** What RefConv would take; nothing of a model that is re-parameterised already. */
function describe(model: LayersModel, options: RefConvFlags) {
  const { select, ...refconv } = refocusOptions(options);
  return { cost: cost(model), refconv: refconvCost(model, refconv, select) };
}

export async function info(options: InfoOptions): Promise<void> {
  if (options.json && options.csv) throw new Error('Give --json or --csv, not both.');
  if (options.all) {
    const rows = Object.keys(BACKBONES).map((id) => {
      const model = buildBackbone(id, options.variant ? { variant: options.variant } : {});
      const described = describe(model, options);
      model.dispose();
      return row(id, described.cost, described.refconv);
    });
    console.log(options.json ? JSON.stringify(rows, undefined, 2) : options.csv ? toCsv(rows) : table(rows));
    return;
  }
  const { model } = await openSource(sourceOptions(options));
  const reparameterized = reparameterizedLayers(model).map(({ name }) => name);
  const described = describe(model, options);
  const summary = row(model.name, described.cost, described.refconv);
  const layers = described.refconv.layers.map(({ name, kernel, strides, basis, map }) => ({
    name,
    kernel: kernel.join('×'),
    stride: strides.join('×'),
    basis,
    map,
  }));
  if (options.json) {
    const { frozen } = described.cost;
    console.log(JSON.stringify({ ...summary, frozen, reparameterized, layers }, undefined, 2));
  } else if (options.csv) console.log(toCsv([summary]));
  else {
    for (const [name, value] of Object.entries(summary))
      console.log(`${name.replaceAll('_', ' ').padEnd(24)}${grouped(value)}`);
    if (reparameterized.length) console.log(`\nre-parameterised already: ${reparameterized.join(', ')}`);
    if (layers.length) console.log(`\nRefConv takes:\n${table(layers)}`);
  }
}
