/** What a layer's mapping to ONNX is given, and what the mappings share. */
import * as tf from '@tensorflow/tfjs';
import type { OnnxGraph, Sizes, Value } from './graph.js';

/** The layer that is being written, and the graph. */
export interface Site {
  graph: OnnxGraph;
  layer: tf.layers.Layer;
  /** The layer's name, which its main operation gets. */
  name: string;
  config: Record<string, unknown>;
  /** The shapes of its results, as tfjs has them. */
  shapes: Sizes[];
  /** Names of weights that other calls of the same layer have written. */
  written: Map<string, string>;
}

/** Writes one call of a layer; returns its result, or its results. */
export type Converter = (site: Site, inputs: [Value, ...Value[]]) => Value | Value[];

interface LayerVariable {
  originalName: string;
  read(): tf.Tensor;
}

/** The value of the layer's weight of this name, as tfjs has it; undefined where the layer has none. */
export function readWeight({ layer }: Site, name: string): tf.Tensor | undefined {
  const weights = layer.weights as unknown as LayerVariable[];
  return weights.find(({ originalName }) => originalName.split('/').pop() === name)?.read();
}

/**
 * Writes a weight as `<layer>.<suffix>`, once for all calls of a shared layer.
 * @param transform from tfjs's layout to PyTorch's.
 * @returns its name in the graph; '' where the layer has none, which is how ONNX leaves an input out.
 */
export function writeWeight(
  site: Site,
  name: string,
  suffix: string,
  transform: (weight: tf.Tensor) => tf.Tensor = (weight) => weight,
): string {
  const known = site.written.get(suffix);
  if (known !== undefined) return known;
  const value = readWeight(site, name);
  const written = value ? tf.tidy(() => site.graph.weight(`${site.name}.${suffix}`, transform(value))) : '';
  site.written.set(suffix, written);
  return written;
}

/** The inputs without empty names at the end. */
export const given = (...inputs: string[]) => inputs.slice(0, inputs.findLastIndex((name) => name !== '') + 1);

/** The value with another name: the result of an operation that changes neither shape nor layout. */
export const named = (value: Value, name: string): Value => ({ ...value, name });

/** @throws Error where the layer's option is not what the mapping can write. */
export function expectOption({ layer, config }: Site, option: string, ...values: unknown[]): void {
  const value = config[option];
  if (value === undefined || values.some((allowed) => String(allowed) === String(value))) return;
  throw new Error(
    `The layer ${layer.name} (${layer.getClassName()}) has ${option} ${JSON.stringify(value)}; to ONNX it can be written with ` +
      `${values.map((allowed) => JSON.stringify(allowed)).join(' or ')}.`,
  );
}
