import {
  type Attacked,
  type AttackOptions,
  attack,
  attacker,
  checkAttack,
  type Target,
  targetOf,
  type Walk,
} from '@refconv/analysis';
import { type ImageDataset, isInFiles, type OpenDataset, openDataset, relabelled } from '@refconv/datasets';
import { requireClassifier } from '@refconv/layers';
import { labelsFor, normalisation, openSource, type SourceOptions, sourceOptions } from '@refconv/runs/networks';
import { progress, writeAtomically } from '@refconv/training';
import { attackSheet, type ShownAttack } from '../attackSheet.js';
import { openOptions } from '../data.js';
import { requireNew } from '../target.js';

interface Options extends SourceOptions {
  data: string;
  download?: boolean;
  mean?: number[];
  std?: number[];
  attack: AttackOptions['attack'];
  eps: number[];
  steps: number;
  step?: number;
  start: 'none' | 'random';
  seed: number;
  skip: number;
  images?: number;
  batchSize: number;
  json?: boolean;
  show?: string;
}

/** Images that `--show` has. */
const SHOWN = 12;

export async function attackCommand(options: Options): Promise<void> {
  const { data: set, eps, json, show, skip, start, seed, batchSize } = options;
  const { attack: name, steps, step } = options;
  const how: AttackOptions = { attack: name, steps, step, ...(start === 'random' && { start: seed }) };
  checkAttack(how);
  if (show !== undefined) requireNew(show);
  if (isInFiles(set)) {
    throw new Error(
      `An attack needs images in memory, and those of ${set} stay in files: cifar10, cifar100, synthetic.`,
    );
  }
  const { data, ...statistics } = (await openDataset(set, openOptions(options))) as OpenDataset<ImageDataset>;
  const { test: given, classes } = data;
  const count = options.images ?? given.count - skip;
  if (count < 1 || skip + count > given.count) {
    throw new Error(`${count} images after the first ${skip} were asked for; there are ${given.count} test images.`);
  }
  const network = await openSource(sourceOptions(options), { height: given.height });
  const { model, notes } = network;
  requireClassifier(model);
  const test = relabelled(given, labelsFor(network, data));

  const program = attacker(model, { ...normalisation(options, notes, statistics), batchSize });
  const shown: ShownAttack[] = [];
  /** Attacks an image by each eps. @returns which break it. */
  function* byAll(target: Target, keep: boolean): Walk<boolean[]> {
    const broken: boolean[] = [];
    let first: ShownAttack | undefined;
    for (const each of eps) {
      const attacked: Attacked = yield* attack(target, each, how);
      broken.push(attacked.broken);
      if (keep && !first?.broken) first = { target, eps: each, ...attacked };
    }
    if (first) shown.push(first);
    return broken;
  }
  const tasks = function* () {
    for (let i = skip; i < skip + count; i++) {
      const target = targetOf(test, i);
      yield { label: target.label, walk: byAll(target, show !== undefined && i < skip + SHOWN) };
    }
  };
  const bar = progress(count, 'attacks');
  const found = (await program.run(tasks(), { onDone: (done) => bar.update(done, '') })) as boolean[][];
  bar.stop();
  program.dispose();

  const results = eps.map((each, i) => {
    const correct = found.map((broken) => (broken[i] ? '0' : '1')).join('');
    const right = found.filter((broken) => !broken[i]).length;
    return { eps: each, right, accuracy: right / count, correct };
  });
  if (show !== undefined)
    await writeAtomically(show, [await attackSheet(shown, test, notes.classes ? [...notes.classes] : classes)]);
  if (json) console.log(JSON.stringify({ images: count, results }));
  else {
    for (const { eps: each, right, accuracy } of results) {
      console.log(`eps ${each}/255: ${(100 * accuracy).toFixed(2)} % right (${right} of ${count} test images)`);
    }
  }
}
