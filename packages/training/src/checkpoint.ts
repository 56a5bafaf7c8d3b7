/** The checkpoints of one run: a folder that always holds a whole one. */
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freeBytes, makeFolder, readBytes, removeLeftovers, writeAtomically } from '@refconv/files';
import { decodeCheckpoint, encodeCheckpoint } from './checkpointFile.js';
import { dataBytes, type StoredTensor } from './storedTensor.js';

export interface Checkpoint<Meta> {
  meta: Meta;
  tensors: StoredTensor[];
  /** The file it was read from. */
  path: string;
}

/** How many checkpoints are kept. */
const KEPT = 2;
const nameOf = (step: number) => `step-${String(step).padStart(10, '0')}.safetensors`;
/** Of files of before, too. */
const NAME = /^step-(\d{10})\.(safetensors|checkpoint)$/;

/** Whether a file of a run's folder is a checkpoint, by its name. */
export const isCheckpoint = (name: string): boolean => NAME.test(name);

export class CheckpointFolder<Meta extends { step: number }> {
  constructor(readonly folder: string) {}

  /**
   * Makes the folder, removes what a killed process left half written, and sees that there is room for the checkpoints.
   * @param tensors those that will be saved: only their shapes count.
   * @param free for tests.
   * @throws if the folder cannot be made or the disk has too little room: before anything is computed.
   */
  async prepare(tensors: readonly { shape: readonly number[] }[], free = freeBytes): Promise<void> {
    await makeFolder(this.folder);
    await removeLeftovers(this.folder);
    // The kept ones and the one that is being written, less those that are there, and a little for the metrics.
    const present = (await this.names()).length;
    const needed = Math.max(1, KEPT + 1 - present) * (dataBytes(tensors) + 65_536);
    const available = await free(this.folder);
    if (available < needed) {
      throw new Error(
        `The disk of ${this.folder} has room for ${megabytes(available)}; the run's checkpoints need ${megabytes(needed)}. ` +
          'Free some space or choose another folder.',
      );
    }
  }

  /**
   * Writes a checkpoint, then removes the oldest beyond two. If it fails, those from before are still there.
   * @throws if it cannot be written, saying why.
   */
  async save(meta: Meta, tensors: readonly StoredTensor[]): Promise<void> {
    const path = join(this.folder, nameOf(meta.step));
    await writeAtomically(path, encodeCheckpoint(meta, tensors));
    const names = await this.names();
    for (const name of names.slice(KEPT)) await rm(join(this.folder, name), { force: true });
  }

  /**
   * The newest checkpoint that is whole. One that is not gets the ending `.corrupt`, and `warn` says so.
   * @returns undefined if the folder has none.
   * @throws if there are some, but none is whole.
   */
  async load(warn: (message: string) => void): Promise<Checkpoint<Meta> | undefined> {
    const names = await this.names();
    const problems: string[] = [];
    for (const name of names) {
      const path = join(this.folder, name);
      try {
        const { meta, tensors } = decodeCheckpoint(await readBytes(path));
        const { step } = meta as Meta;
        if (Number(NAME.exec(name)?.[1]) !== step) throw new Error(`it holds step ${step}: it was renamed`);
        return { meta: meta as Meta, tensors, path };
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        // A file that cannot be read at the moment is not one that is broken.
        if (code) throw new Error(`The checkpoint ${path} cannot be read: ${message}`, { cause: error });
        problems.push(`${name}: ${message}`);
        await rename(path, `${path}.corrupt`);
        warn(
          `The checkpoint ${path} is not usable (${message}); it is kept as ${name}.corrupt, the one before is taken.`,
        );
      }
    }
    if (problems.length === 0) return undefined;
    throw new Error(
      `No checkpoint in ${this.folder} is usable (${problems.join('; ')}). Start again in another folder, or delete this one.`,
    );
  }

  /** The checkpoints' file names, the newest first. */
  private async names(): Promise<string[]> {
    const names = await readdir(this.folder);
    return names.filter(isCheckpoint).sort((a, b) => (a < b ? 1 : -1));
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
