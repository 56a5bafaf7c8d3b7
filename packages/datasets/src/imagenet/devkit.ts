/** What ImageNet's development kit (ILSVRC2012_devkit_t12) says of the validation images. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes } from '@refconv/files';
import { readTarGz } from '../archive.js';
import { readStructures } from './matFile.js';

const GROUND_TRUTH = 'ILSVRC2012_validation_ground_truth.txt';
const META = 'meta.mat';

export interface Devkit {
  /** The 1000 classes' WordNet ids, sorted: the order of the labels that published weights have. */
  classes: string[];
  /** Of ILSVRC2012_val_00000001.JPEG and so on: an index into `classes`. */
  validationLabels: Int32Array;
}

/**
 * Reads the devkit: its tar.gz, or its folder. The ground truth numbers classes as meta.mat does, which is not the order of
 * their WordNet ids; here it is mapped.
 *
 * @throws {Error} if it is not complete, or its two files do not fit together.
 */
export async function readDevkit(path: string): Promise<Devkit> {
  const files = new Map<string, Uint8Array>();
  if (path.endsWith('.gz')) {
    await readTarGz(path, (name) =>
      name === META || name === GROUND_TRUTH ? (bytes) => files.set(name, bytes) : undefined,
    );
  } else {
    for (const name of [META, GROUND_TRUTH]) {
      const file = join(path, 'data', name);
      if (existsSync(file)) files.set(name, await readBytes(file));
    }
  }
  const [meta, truth] = [files.get(META), files.get(GROUND_TRUTH)];
  if (!meta || !truth) {
    throw new Error(`${path} lacks ${meta ? GROUND_TRUTH : META}; expected the devkit ILSVRC2012_devkit_t12 in full.`);
  }
  const wnidOf = new Map<number, string>();
  for (const synset of readStructures(meta, 'synsets', `${path}: ${META}`)) {
    const [id] = synset.get('ILSVRC2012_ID') ?? [];
    const [children] = synset.get('num_children') ?? [];
    const wnid = synset.get('WNID');
    if (children === 0 && typeof id === 'number' && typeof wnid === 'string') wnidOf.set(id, wnid);
  }
  const classes = [...wnidOf.values()].sort();
  const labelOf = new Map(classes.map((wnid, label) => [wnid, label]));
  const lines = Buffer.from(truth).toString('latin1').split(/\s+/).filter(Boolean);
  const validationLabels = Int32Array.from(lines, (line, i) => {
    const label = labelOf.get(wnidOf.get(Number(line)) ?? '');
    if (label === undefined) {
      throw new Error(`${path}: ${GROUND_TRUTH}, line ${i + 1}: "${line}" is not the number of a class in ${META}.`);
    }
    return label;
  });
  return { classes, validationLabels };
}
