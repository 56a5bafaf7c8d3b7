/** tf.Variables whose values live in a compiled graph. */
import type { DataId, Variable } from '@tensorflow/tfjs';
import { backend, detachResident, type ResidentValue, residentTensor } from './backend.js';
import type { Graph } from './graph.js';
import { dtypeNumber, type Feed, type Output } from './native.js';
import { nativeTensor, typedArray } from './values.js';

/** A tf.Variable and its twin in the graph. */
export interface StateVariable {
  variable: Variable;
  handle: Output;
  dtype: number;
  /** Where a new value is fed, and the operation that stores it. */
  feed: Output;
  store: number;
  /** Its value in the graph. */
  current: Output;
  value: ResidentValue;
  /** The data that the tf.Variable holds as long as the graph's value is the current one. */
  resident: DataId | undefined;
}

/**
 * The variables of one compiled program. After its first call a variable's value lives in the graph alone: reading the
 * tf.Variable reads it from there, and assigning to the tf.Variable is noticed at the next call.
 */
export class VariableStore {
  private readonly states = new Map<Variable, StateVariable>();

  constructor(private readonly graph: Graph) {}

  get(variable: Variable): StateVariable {
    let state = this.states.get(variable);
    if (!state) {
      const dtype = dtypeNumber(variable.dtype);
      const handle = this.graph.variable(dtype, variable.shape);
      const feed = this.graph.placeholder(dtype, variable.shape);
      const current = this.graph.read(handle, dtype);
      state = {
        variable,
        handle,
        dtype,
        feed,
        store: this.graph.assign(handle, feed, dtype),
        current,
        value: { read: () => typedArray(dtype, this.graph.run([], [current]).outputs[0]?.data as ArrayBuffer) },
        resident: undefined,
      };
      this.states.set(variable, state);
    }
    return state;
  }

  /** Brings the graph up to date with variables that are new to it or were assigned since. */
  upload(states: StateVariable[]): void {
    const changed = states.filter(({ variable, resident }) => variable.dataId !== resident);
    if (changed.length === 0) return;
    const feeds: Feed[] = changed.map(({ variable, feed }) => {
      if (variable.isDisposed)
        throw new Error(`Variable ${variable.name} is used by a compiled function but was disposed.`);
      return { output: feed, ...nativeTensor(variable) };
    });
    this.graph.run(
      feeds,
      [],
      changed.map(({ store }) => store),
    );
    for (const state of changed) this.settle(state);
  }

  /** Lets clones of variables keep the value that they were made with, before a call changes the variables. */
  separateClones(states: StateVariable[]): void {
    for (const state of states) {
      if (state.resident && backend.refCount(state.resident) > 1) {
        detachResident(state.resident);
        this.settle(state);
      }
    }
  }

  /** Gives the values back to the tf.Variables. One run reads them all: TensorFlow makes every set of outputs ready anew. */
  release(): void {
    const held = [...this.states.values()].filter(
      ({ variable, resident }) => resident && !variable.isDisposed && variable.dataId === resident,
    );
    if (held.length > 0) {
      const { outputs } = this.graph.run(
        [],
        held.map(({ current }) => current),
      );
      held.forEach(({ resident, value, dtype }, i) => {
        value.read = () => typedArray(dtype, outputs[i]?.data as ArrayBuffer);
        detachResident(resident as DataId);
      });
    }
    this.states.clear();
  }

  private settle(state: StateVariable): void {
    const { variable, value, dtype } = state;
    const tensor = residentTensor(value, variable.shape, dtype);
    variable.assign(tensor as never);
    state.resident = tensor.dataId;
    tensor.dispose();
  }
}
