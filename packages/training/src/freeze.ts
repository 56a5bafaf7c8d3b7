/** Layers that a training leaves as they are. */
import type { LayersModel, layers } from '@tensorflow/tfjs';

/** Those of nested models too, each once. */
function allLayers(model: LayersModel): layers.Layer[] {
  const found = new Set<layers.Layer>();
  const visit = (layer: layers.Layer) => {
    const inner = (layer as Partial<LayersModel>).layers;
    if (inner) inner.forEach(visit);
    else found.add(layer);
  };
  model.layers.forEach(visit);
  return [...found];
}

/**
 * Freezes the layers whose names match, until the function that it returns is called. Frozen batch norms keep their statistics and normalise by them,
 * in training too.
 * @param pattern a regular expression, such as `^(?!classifier)` for all but the classifier.
 * @throws RangeError where it matches no layer with weights.
 * @example
 * ```ts
 * const release = freezeLayers(model, '^(?!classifier)'); // all but the head
 * await fit({ model, data: set, recipe: PAPER_RECIPE });
 * release();
 * ```
 */
export function freezeLayers(model: LayersModel, pattern: string | undefined): () => void {
  if (pattern === undefined) return () => {};
  const expression = new RegExp(pattern);
  const withWeights = allLayers(model).filter(({ weights }) => weights.length > 0);
  const chosen = withWeights.filter(({ name }) => expression.test(name));
  if (chosen.length === 0) {
    const names = withWeights.map(({ name }) => name);
    throw new RangeError(
      `The recipe's freeze '${pattern}' matches no layer; expected a regular expression on names such as ${names.slice(0, 2).join(', ')}, ${names.at(-1)}.`,
    );
  }
  const undo = chosen.map((layer) => {
    const { trainable } = layer;
    layer.trainable = false;
    const thaw = layer.getClassName() === 'BatchNormalization' ? inEvaluation(layer) : () => {};
    return () => {
      layer.trainable = trainable;
      thaw();
    };
  });
  return () => {
    for (const each of undo) each();
  };
}

/**
 * A layer that takes no notice of training, until the function that it returns is called.
 * @example
 * ```ts
 * const release = model.layers.filter(({ name }) => name.endsWith('dropout')).map(inEvaluation);
 * // … train …
 * for (const each of release) each();
 * ```
 */
export function inEvaluation(layer: layers.Layer): () => void {
  const own = Object.hasOwn(layer, 'call') ? layer.call : undefined;
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => call(inputs, { ...kwargs, training: false });
  return () => {
    if (own) layer.call = own;
    else delete (layer as Partial<layers.Layer>).call;
  };
}
