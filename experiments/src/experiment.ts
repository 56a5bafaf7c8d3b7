/** An experiment as a table of arms, and its grid for given settings. */

import { differences, hashOf } from '@refconv/files';
import {
  type Asked,
  analysisSchema,
  type Claim,
  dataSchema,
  type Grid,
  GridBuilder,
  type GridNotes,
  type Hash,
  type MeasuredCost,
  methodSchema,
  networkSchema,
  parse,
  recipeSchema,
  type Spec,
  type SpecInput,
  taskSchema,
  weightsSchema,
} from '@refconv/runs';
import { checkArms } from '@refconv/runs/grid';
import { z } from 'zod';

const networkSettings = z.strictObject({ ...networkSchema.shape, name: z.string().optional() });
const methodSettings = z.strictObject({ ...methodSchema.shape, name: z.string().optional() });
const count = z.int().min(1);

/** What a preset decides, and `--set` changes. */
export const settingsSchema = z.strictObject({
  networks: z.array(networkSettings).min(1),
  /** Some of the experiment's arms; left out: all. What they start from comes along. */
  arms: z.array(z.string()).min(1).optional(),
  /** Arms beside the experiment's: methods, also of a user's own, that start from the baseline, or from scratch for as long as both stages. */
  methods: z.array(methodSettings).min(1).optional(),
  /** Left out: classification. */
  task: taskSchema.optional(),
  data: dataSchema,
  /** What the arms start from that start from no other. */
  weights: weightsSchema.optional(),
  recipe: recipeSchema,
  /** Of an experiment with another task: what its classifiers are trained on. */
  classification: z.strictObject({ data: dataSchema, recipe: recipeSchema }).optional(),
  /** Changes to the recipe of all that starts from the baseline. */
  refocusing: recipeSchema.partial().default({}),
  seeds: z.array(z.int().min(0)).min(1),
  /** Of a run on a CPU; null: on a GPU. */
  threads: count.nullable(),
  /** That do a training together: docs/cluster.md. Left out: one. */
  processes: z.int().min(2).optional(),
  /** What the arms do that are analysed. */
  analysis: analysisSchema.optional(),
  /** Runs that a landscape or a robustness is split into, each with a share of its points or images. */
  parts: count.default(1),
  /** Of the cost; left out: the recipe's. */
  batchSizes: z.array(count).min(1).optional(),
});

export type Settings = z.output<typeof settingsSchema>;
export type SettingsInput = z.input<typeof settingsSchema>;

export const PRESETS = ['paper', 'cifar', 'cores', 'pocket', 'smoke'] as const;
export type Preset = (typeof PRESETS)[number];

/** One kind of run in a table. */
export interface Arm {
  /** The arm whose network it starts from; left out: initial weights. */
  after?: string;
  method?: SpecInput['method'];
  freezeBatchNorm?: boolean;
  /** It is a classifier, trained as the settings' `classification` says, that arms of another task start from. */
  classifier?: boolean;
  /** It is the first training of its task, although it starts from another arm: the settings' changes for second stages do not count. */
  firstStage?: boolean;
  /** What it changes in the settings' recipe, and in the data. */
  recipe?: (recipe: Spec['recipe'], settings: Settings) => Partial<Spec['recipe']>;
  data?: (data: Spec['data']) => Partial<Spec['data']>;
  /** The learning rate is what the arm is about: it is not tuned. */
  fixedRate?: boolean;
  /** It does the settings' analysis with the network of the arm that it is after; or for the cost, with what it would train. */
  analysed?: boolean;
}

export interface Experiment extends Omit<Asked, 'cost'> {
  name: string;
  source: string;
  claims: readonly Claim[];
  /** Of presets that were measured. */
  costs?: Partial<Record<Preset, MeasuredCost>>;
  /** The arm that gains are over; every experiment has it. */
  baseline: string;
  arms: Record<string, Arm>;
  paper?: Grid['paper'];
  presets: Record<Preset, SettingsInput>;
}

/** Trains from nothing for as many epochs as the baseline and what starts from it have in all. */
export const bothStages: Arm['recipe'] = ({ epochs }, { refocusing }) => ({
  epochs: epochs + (refocusing.epochs ?? epochs),
});

/** Learning rates that a search has found, by network and arm. */
export type Rates = Record<string, Record<string, number>>;

/** How the settings look that are more than a number or a word. */
export const FORMS: Partial<Record<keyof Settings, string>> = {
  networks: '[{"id":"resnet18","variant":"cifar"},{"id":"mobilenetv2","width":0.5,"name":"half"}]',
  arms: '["baseline","refconv"]',
  methods: '[{"id":"repvgg","start":"scratch","name":"repvgg, mine"}]',
  seeds: '[1,2,3]',
  batchSizes: '[32,128]',
  data: '{"name":"folder","folder":"photos"}',

  refocusing: '{"learningRate":0.01}',
  analysis: '{"id":"landscape","points":51,"images":1000}',
};

/** The first value that was there before. */
const repeated = <T>(values: readonly T[]): T | undefined => values.find((value, i) => values.indexOf(value) !== i);

/** @throws RangeError where a setting is unknown or wrong. */
export function checkSettings(experiment: Experiment, settings: unknown): Settings {
  const checked = parse(settingsSchema, settings, 'The settings', FORMS);
  const names = [...Object.keys(experiment.arms), ...(checked.methods ?? []).map(nameOf)];
  const twice = repeated(names);
  if (twice !== undefined)
    throw new RangeError(`Two arms of ${experiment.name} would be called '${twice}': give the method another name.`);
  checkArms(experiment.name, names, checked.arms ?? []);
  // Rows of one name and seed would be taken for one another.
  const lists = { networks: checked.networks.map(nameOf), seeds: checked.seeds, batchSizes: checked.batchSizes ?? [] };
  for (const [setting, values] of Object.entries(lists)) {
    const again = repeated<string | number>(values);
    if (again === undefined) continue;
    const advice = setting === 'networks' ? 'give one of them another by "name"' : 'give each once';
    throw new RangeError(`${setting} has ${JSON.stringify(again)} twice: ${advice}.`);
  }
  return checked;
}

/** The arms of the settings' methods: over what RefConv is over, or from scratch. */
function ownArms({ baseline, arms }: Experiment, { methods = [] }: Settings): [string, Arm][] {
  const { after } = arms.refconv ?? { after: baseline };
  return methods.map(({ name, ...method }) => {
    const arm = method.start === 'scratch' ? { method, recipe: bothStages } : { ...(after && { after }), method };
    return [nameOf({ name, ...method }), arm];
  });
}

/** The arms that were asked for, those of the settings' methods, and what they start from, each after the latter. */
export function chosenArms(experiment: Experiment, settings: Settings): [string, Arm][] {
  const own = ownArms(experiment, settings);
  const arms: Record<string, Arm> = { ...experiment.arms, ...Object.fromEntries(own) };
  const wanted = new Set<string>();
  const want = (name: string) => {
    const { after } = arms[name] as Arm;
    if (after) want(after);
    wanted.add(name);
  };
  want(experiment.baseline);
  for (const name of settings.arms ?? Object.keys(experiment.arms)) want(name);
  for (const [name] of own) want(name);
  return [...wanted].map((name) => [name, arms[name] as Arm]);
}

/** The data and the recipe of an arm: those of its classifiers are their own. */
export const trainingOf = (settings: Settings, { classifier }: Arm): Pick<Settings, 'data' | 'recipe'> =>
  (classifier && settings.classification) || settings;

/** What an arm trains a network on, but for what it starts from. */
export function specOf(
  settings: Settings,
  network: Settings['networks'][number],
  arm: Arm,
  seed: number,
): SpecInput & Pick<Spec, 'data' | 'recipe'> {
  const { name: _, ...ofNetwork } = network;
  const { threads, processes, task, weights, classification } = settings;
  if (arm.classifier && !classification)
    throw new RangeError(
      'The settings do not say what classifiers are trained on: set classification to data and recipe.',
    );
  const { data, recipe: usual } = trainingOf(settings, arm);
  const isSecond = arm.after !== undefined && !arm.firstStage && !arm.classifier;
  const recipe = { ...usual, ...(isSecond && settings.refocusing) };
  return {
    network: ofNetwork,
    ...(task && !arm.classifier && { task }),
    ...(weights && !arm.after && !arm.classifier && { weights }),
    data: { ...data, ...arm.data?.(data) },
    method: arm.method ?? null,
    freezeBatchNorm: arm.freezeBatchNorm ?? false,
    recipe: { ...recipe, ...arm.recipe?.(recipe, settings) },
    seed,
    threads,
    ...(processes !== undefined && { processes }),
  };
}

/** What tables call a network, or an arm of the settings. */
export const nameOf = ({ name, id }: { name?: string | undefined; id: string }) => name ?? id;

/**
 * What a grid of an experiment says about itself. Changed settings have a name of their own, so that they never take the place of the preset's.
 * @param name in place of the usual one.
 */
export function notesOf(
  experiment: Experiment,
  preset: Preset,
  settings: Settings,
  kind: GridNotes['kind'],
  name?: string,
): GridNotes {
  const { name: script, question, source, notKnown, details, claims, costs, baseline } = experiment;
  const changes = differences(checkSettings(experiment, experiment.presets[preset]), settings);
  const changed =
    changes.length > 0 ? Object.fromEntries(changes.map(({ path, after }) => [path, after ?? null])) : null;
  const usual = `${script}-${preset}${changed ? `-changed-${hashOf(changed).slice(0, 8)}` : ''}`;
  const suffix = { table: '', search: '-tuning', tuned: '-tuned' }[kind];
  const cost = kind === 'table' && !changed ? costs?.[preset] : undefined;
  return {
    ...{ name: `${name ?? usual}${suffix}`, experiment: script, preset, kind, changed, question, baseline },
    ...(kind !== 'search' && { source, notKnown, details, claims, cost }),
  };
}

export interface GridOptions {
  /** In place of the usual one. */
  name?: string;
  /** What a search has found, and what the table says about it. */
  tuned?: { rates: Rates; notes: string };
}

/** The experiment's runs. */
export function gridOf(
  experiment: Experiment,
  preset: Preset,
  settings: Settings,
  { name: ownName, tuned: found }: GridOptions = {},
): Grid {
  const { paper } = experiment;
  const notes = notesOf(experiment, preset, settings, found ? 'tuned' : 'table', ownName);
  const chosen = new Map(chosenArms(experiment, settings));
  const armsLeftOut = Object.keys(experiment.arms).filter((arm) => !chosen.has(arm));
  const grid = new GridBuilder({
    ...{ ...notes, paper, ...(armsLeftOut.length > 0 && { armsLeftOut }) },
    ...(found && { notes: found.notes }),
  });
  for (const network of settings.networks) {
    const name = nameOf(network);
    for (const seed of settings.seeds) {
      const trained = new Map<string, { spec: SpecInput; hash: Hash }>();
      for (const [armName, arm] of chosen) {
        const parent = arm.after ? trained.get(arm.after) : undefined;
        const from = parent?.hash ?? null;
        const spec = specOf(settings, network, arm, seed);
        if (arm.analysed) {
          for (const each of analyses(settings, parent?.spec ?? spec))
            grid.add(name, armName, { ...each, from }, arm.after);
          continue;
        }
        const learningRate = found?.rates[name]?.[armName] ?? spec.recipe.learningRate;
        const tuned = { ...spec, recipe: { ...spec.recipe, learningRate }, from };
        trained.set(armName, { spec: tuned, hash: grid.add(name, armName, tuned) });
      }
    }
  }
  return grid.build();
}

/** The runs of an analysed arm: the parts of a landscape, the batch sizes of the cost. */
function analyses({ analysis, parts, batchSizes }: Settings, { processes: _, ...spec }: SpecInput): SpecInput[] {
  if (analysis && 'part' in analysis) {
    return Array.from({ length: parts }, (_, i) => ({
      ...spec,
      analysis: { ...analysis, part: { i: i + 1, n: parts } },
    }));
  }
  const sizes = batchSizes ?? [spec.recipe.batchSize];
  if (analysis?.id === 'cost') {
    return sizes.map((batchSize) => ({ ...spec, recipe: { ...spec.recipe, batchSize }, analysis }));
  }
  return [{ ...spec, analysis }];
}
