/** One pass over an epoch's order: what the main thread of a loader hears from its workers. */
import type { Worker } from 'node:worker_threads';
import {
  type BatchMessage,
  type BrokenImage,
  batchRange,
  Control,
  type EpochMessage,
  type Slot,
  STOPPED,
  type WorkerMessage,
} from './protocol.js';
import { shared } from './source.js';

/** One pass over an order, and the messages that belong to it. */
export class EpochRun {
  private readonly control: Int32Array;
  private readonly finished = new Map<number, BatchMessage>();
  private readonly broken = new Map<number, BrokenImage[]>();
  private idle = 0;
  private begun = false;
  /** Why a worker has ended. */
  failure: Error | undefined;
  private wake = () => {};
  private readonly onMessage = (message: WorkerMessage) => this.take(message);
  private readonly onError = (error: unknown) => {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
    this.wake();
  };
  private readonly onExit = () => this.onError(new Error('A worker of the loader has ended.'));

  constructor(
    private readonly workers: Worker[],
    private readonly slots: Slot[],
    private readonly batchSize: number,
    private readonly order: Uint32Array,
  ) {
    this.control = shared(Int32Array, Control.slots + slots.length);
  }

  begin(epoch: number, from: number): void {
    const { order, control, batchSize, slots } = this;
    const next = Math.min(from * batchSize, order.length);
    control[Control.next] = next;
    control[Control.limit] = Math.min(order.length, next + slots.length * batchSize);
    for (const worker of this.workers) {
      worker.on('message', this.onMessage).on('error', this.onError).on('exit', this.onExit);
      worker.postMessage({ epoch, order, from, control } satisfies EpochMessage);
    }
    this.begun = true;
  }

  /** The batch when it is done, with what of it is broken. */
  async batch(number: number): Promise<BatchMessage & { broken: BrokenImage[] }> {
    const [begin, end] = batchRange(number, this.batchSize, this.order.length);
    for (;;) {
      if (this.failure) throw this.failure;
      const message = this.finished.get(number);
      const broken = this.broken.get(number) ?? [];
      // Another worker's report on a broken image may come later than this batch.
      if (message && message.size + broken.length === end - begin) {
        broken.sort((a, b) => a.index - b.index);
        return { ...message, broken };
      }
      await this.news();
    }
  }

  /** Lets the memory of a batch be written again. */
  release(number: number): void {
    const { control, order, batchSize, slots } = this;
    this.finished.delete(number);
    this.broken.delete(number);
    Atomics.store(control, Control.slots + (number % slots.length), 0);
    const limit = Math.min(order.length, (number + 1 + slots.length) * batchSize);
    Atomics.store(control, Control.limit, limit);
    Atomics.notify(control, Control.limit);
  }

  /** Waits until no worker writes any more. */
  async end(): Promise<void> {
    if (!this.begun) return;
    Atomics.store(this.control, Control.limit, STOPPED);
    Atomics.notify(this.control, Control.limit);
    while (this.idle < this.workers.length && !this.failure) {
      await this.news();
    }
    for (const worker of this.workers) {
      worker.off('message', this.onMessage).off('error', this.onError).off('exit', this.onExit);
    }
  }

  /** Until a worker has told something. */
  private async news(): Promise<void> {
    for (const worker of this.workers) worker.ref();
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    for (const worker of this.workers) worker.unref();
  }

  private take(message: WorkerMessage): void {
    if (message.kind === 'idle') this.idle++;
    else if (message.kind === 'batch') this.finished.set(message.batch, message);
    else {
      const { batch, index, path, reason } = message;
      this.broken.set(batch, [...(this.broken.get(batch) ?? []), { index, path, reason }]);
    }
    this.wake();
  }
}
