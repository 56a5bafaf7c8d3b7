/** Records a function for use outside of this process: a graph of TensorFlow's own operations, with variables as constants. */
import { Graph } from './graph.js';
import { type ArgumentSpec, type Body, Recorder } from './record.js';
import { VariableStore } from './state.js';

export interface FrozenGraph {
  /** A serialized GraphDef (tensorflow/core/framework/graph.proto). */
  definition: Uint8Array;
  /** Names of the nodes that take the arguments, and of those that give the results, in their order. */
  inputs: string[];
  outputs: string[];
}

/**
 * Records what a function computes for arguments of these shapes. The variables that it reads are written into the graph with
 * their present values; nothing in it belongs to this project, so any TensorFlow 2 runs it.
 * @throws where the function assigns a variable, as training does; where it runs an operation of this project's own by name; and where `compile` would.
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * const graph = frozenGraph((x) => model.predict(x as tf.Tensor), [{ shape: [1, 32, 32, 3], dtype: 'float32' }]);
 * await writeFile('graph.pb', graph.definition);
 * ```
 */
export function frozenGraph(body: Body, specs: ArgumentSpec[]): FrozenGraph {
  const graph = new Graph();
  try {
    const recording = new Recorder(graph, new VariableStore(graph), undefined, true).record(body, specs);
    const changed = recording.updated.map(({ variable }) => variable.name);
    if (changed.length)
      throw new Error(`A function that is frozen cannot assign variables; this one assigns ${changed.join(', ')}.`);
    const own = graph.since(0).kinds.find((kind) => kind.startsWith('Refconv'));
    if (own)
      throw new Error(
        `The operation ${own}, which this project alone has, cannot be frozen: no other TensorFlow runs it. Compute it by plain tfjs operations.`,
      );
    const names = (outputs: [number, number][]) => outputs.map(([operation]) => graph.nameOf(operation));
    return {
      definition: graph.definition(),
      inputs: names(recording.placeholders),
      outputs: names(recording.fetches),
    };
  } finally {
    graph.close();
  }
}
