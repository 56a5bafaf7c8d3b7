/** tf.Variables whose values live in a compiled graph. */
import type { DataId, Variable } from '@tensorflow/tfjs';
import { backend, detachResident, type ResidentValue, residentTensor } from './backend.js';
import { releaseGarbage } from './garbage.js';
import type { Graph } from './graph.js';
import { tf } from './load.js';
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

/** So many variables are read one by one between two calls. */
const READ_SINGLY = 4;

/** From so many bytes on, what JavaScript held of the values is given back to the system at once: a step's peak would lie upon it. */
const WORTH_RELEASING = 64e6;

/**
 * The variables of one compiled program. After its first call a variable's value lives in the graph alone: reading the
 * tf.Variable reads it from there, and assigning to the tf.Variable is noticed at the next call.
 */
export class VariableStore {
  private readonly states = new Map<Variable, StateVariable>();
  /** How many variables were read one by one since the last call, and then all the others' values. */
  private reads = 0;
  private ahead = new Map<StateVariable, ArrayBuffer>();

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
        value: { read: () => typedArray(dtype, this.read(state as StateVariable)) },
        resident: undefined,
      };
      this.states.set(variable, state);
    }
    return state;
  }

  /**
   * A variable's value. TensorFlow takes long to make a set of outputs ready for the first time, so whoever reads more than a few
   * variables is taken to want them all, which is one set.
   */
  private read(state: StateVariable): ArrayBuffer {
    const known = this.ahead.get(state);
    if (known) {
      this.ahead.delete(state);
      return known;
    }
    const wanted = ++this.reads > READ_SINGLY ? this.held() : [state];
    const values = this.fetch(wanted);
    if (wanted.length > 1) this.ahead = values;
    const value = values.get(state) ?? (this.fetch([state]).get(state) as ArrayBuffer);
    this.ahead.delete(state);
    return value;
  }

  /** To be told after each call: what was read ahead may have changed. */
  changed(): void {
    this.reads = 0;
    this.ahead.clear();
  }

  private fetch(states: StateVariable[]): Map<StateVariable, ArrayBuffer> {
    const fetched = this.graph.run(
      [],
      states.map(({ current }) => current),
    );
    return new Map(states.map((state, i) => [state, fetched.outputs[i]?.data as ArrayBuffer]));
  }

  /** Those whose values are in the graph alone. */
  private held(): StateVariable[] {
    return [...this.states.values()].filter(
      ({ variable, resident }) => resident && !variable.isDisposed && variable.dataId === resident,
    );
  }

  /** Brings the graph up to date with variables that are new to it or were assigned since. */
  upload(states: StateVariable[]): void {
    const changed = states.filter(({ variable, resident }) => variable.dataId !== resident);
    if (changed.length === 0) return;
    this.feed(changed);
    for (const state of changed) this.settle(state);
    const bytes = changed.reduce((sum, { variable }) => sum + 4 * variable.size, 0);
    if (bytes >= WORTH_RELEASING) releaseGarbage();
  }

  private feed(changed: StateVariable[]): void {
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
    const held = this.held();
    if (held.length > 0) {
      const values = this.fetch(held);
      for (const state of held) {
        state.value.read = () => typedArray(state.dtype, values.get(state) as ArrayBuffer);
        detachResident(state.resident as DataId);
      }
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

/**
 * Gives a variable data of its own, where it shares them with another variable or with the tensor that it was made from: data
 * are what tells a variable from a constant.
 */
export function separate(variable: Variable): void {
  if (backend.refCount(variable.dataId) === 1) return;
  const copy = tf.tensor(variable.dataSync().slice(), variable.shape, variable.dtype);
  variable.assign(copy as never);
  copy.dispose();
}
