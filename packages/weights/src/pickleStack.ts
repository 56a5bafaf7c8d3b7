/** What a pickle works on: a stack of values with marks in it, and a memo of values to come back to. Both have limits. */
import { WeightsError } from './bytes.js';

/** A value of the host's making, as a tensor. */
export interface PickleObject {
  readonly kind: string;
}

/** Tuples come as arrays, as lists do; sets and frozen sets as Set. Integers beyond 2^53 come as bigint. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleObject;

/** Files of the largest models, optimizer state included, stay far below. */
const LIMITS = { stack: 2 ** 20, marks: 256, memo: 2 ** 21 };

export const damaged = (problem: string) => new WeightsError(`The pickle is damaged: ${problem}.`);

export class PickleStack {
  #values: PickleValue[] = [];
  #marks: number[] = [];
  #memo = new Map<number, PickleValue>();

  push(value: PickleValue): void {
    if (this.#values.length >= LIMITS.stack) {
      throw new WeightsError(`The pickle puts more than ${LIMITS.stack} values aside.`);
    }
    this.#values.push(value);
  }

  /** The last value. One before the last mark is out of reach. */
  top(): PickleValue {
    if (this.#values.length <= (this.#marks.at(-1) ?? 0)) throw damaged('an operation finds no value to work on');
    return this.#values.at(-1) as PickleValue;
  }

  pop(): PickleValue {
    const value = this.top();
    this.#values.pop();
    return value;
  }

  /** The last `count` values, or those after the last mark. */
  popMany(count?: number): PickleValue[] {
    if (count === undefined) {
      const mark = this.#marks.pop();
      if (mark === undefined) throw damaged('the end of a group without its beginning');
      return this.#values.splice(mark);
    }
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  /** Forgets the last value, or the mark where one is on top. */
  drop(): void {
    if (this.#values.length === this.#marks.at(-1)) this.#marks.pop();
    else this.pop();
  }

  mark(): void {
    if (this.#marks.length >= LIMITS.marks) {
      throw new WeightsError(`The pickle nests deeper than ${LIMITS.marks} levels.`);
    }
    this.#marks.push(this.#values.length);
  }

  /** Notes the last value, by default under the next free number. */
  remember(index = this.#memo.size): void {
    if (this.#memo.size >= LIMITS.memo) {
      throw new WeightsError(`The pickle remembers more than ${LIMITS.memo} values.`);
    }
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw damaged(`value ${index} is used before it is there`);
    this.push(value);
  }

  /** The one value that is left at the end. */
  last(): PickleValue {
    const value = this.pop();
    if (this.#values.length || this.#marks.length) throw damaged('it ends with values left over');
    return value;
  }
}
