/** Matched tuning: the same small search of the learning rate for every arm, on images that are held out of the training set. */
import {
  type Grid,
  GridBuilder,
  gridStatus,
  type Hash,
  isSettled,
  readResult,
  type Spec,
  type SpecInput,
  scoreOf,
  scoreValue,
} from '@refconv/runs';
import {
  chosenArms,
  type Experiment,
  nameOf,
  notesOf,
  type Preset,
  type Rates,
  type Settings,
  specOf,
  trainingOf,
} from './experiment.js';
import { trainingImages } from './presets.js';

/** One learning rate of one arm, tried. */
export interface Candidate {
  network: string;
  arm: string;
  learningRate: number;
  hash: Hash;
  /** On the images held out; undefined where the training failed, as it does where the rate is too high. */
  found?: { score: number; loss: number };
}

/**
 * Reads `0.5,1,2`.
 * @throws RangeError for what is no list of two or more different numbers above 0.
 */
export function parseFactors(text: string): number[] {
  const factors = text.split(',').map(Number);
  if (factors.length >= 2 && new Set(factors).size === factors.length && factors.every((factor) => factor > 0))
    return factors;
  throw new RangeError(`--tune needs factors of the learning rate, such as 0.5,1,2; given '${text}'.`);
}

/** Of a setting's data: a tenth of the training images is held out of a set that is trained on whole; where a part is, as many others. */
function heldOut({ name, train }: Spec['data']): number {
  return Math.max(1, Math.round(0.1 * trainingImages(name, train)));
}

/** The data of a search: an arm that trains on all images trains on all but those held out. */
function searchData(usual: Spec['data'], data: Spec['data']): Spec['data'] {
  const validation = heldOut(usual);
  return { ...data, train: data.train ?? trainingImages(data.name) - validation, validation };
}

/**
 * The trainings of a search as far as they can be planned: of arms that start from nothing, and of those that start from an arm whose rate is
 * known; each starts from that arm's best candidate, which has not seen the images held out either. With the first seed alone.
 */
export function searchGrid(
  experiment: Experiment,
  preset: Preset,
  settings: Settings,
  factors: readonly number[],
  rates: Rates,
  ownName?: string,
): { grid: Grid; candidates: Candidate[] } {
  const { name: tuned } = notesOf(experiment, preset, settings, 'tuned', ownName);
  const question = `The search of learning rates for ${tuned}, by ${scoreOf(settings).title} on ${heldOut(settings.data)} training images held out.`;
  const grid = new GridBuilder({ ...notesOf(experiment, preset, settings, 'search', ownName), question });
  const candidates: Candidate[] = [];
  const [seed] = settings.seeds as [number];
  for (const each of settings.networks) {
    const network = nameOf(each);
    const best = new Map<string, Hash>();
    for (const [arm, definition] of chosenArms(experiment, settings)) {
      const { after, analysed, fixedRate } = definition;
      const from = after ? best.get(after) : null;
      if (analysed || from === undefined) continue;
      const spec = specOf(settings, each, definition, seed);
      const data = searchData(trainingOf(settings, definition).data, spec.data);
      for (const factor of fixedRate ? [1] : factors) {
        const learningRate = Number((factor * spec.recipe.learningRate).toPrecision(6));
        const tried: SpecInput = { ...spec, data, recipe: { ...spec.recipe, learningRate }, from };
        const hash = grid.add(network, factor === 1 ? arm : `${arm}, rate × ${factor}`, tried);
        candidates.push({ network, arm, learningRate, hash });
        if (learningRate === rates[network]?.[arm]) best.set(arm, hash);
      }
    }
  }
  return { grid: grid.build(), candidates };
}

/** What a search is done by: plans a grid and does its runs. */
export type Launch = (grid: Grid) => Promise<void>;

/**
 * Searches arm by arm, first those that others start from.
 * @returns the rates of the highest top-1 (or mean IoU), and what a table says about them; undefined where runs are still to be done.
 * @throws Error where all of an arm's trainings failed.
 */
export async function tune(
  root: string,
  experiment: Experiment,
  preset: Preset,
  settings: Settings,
  factors: readonly number[],
  launch: Launch,
  ownName?: string,
): Promise<{ rates: Rates; notes: string } | undefined> {
  const rates: Rates = {};
  for (;;) {
    const { grid, candidates } = searchGrid(experiment, preset, settings, factors, rates, ownName);
    if (candidates.every(({ network, arm }) => rates[network]?.[arm] !== undefined))
      return { rates, notes: describe(settings, factors, rates, candidates) };
    await launch(grid);
    if (!isSettled(await gridStatus(root, grid))) return undefined;
    for (const candidate of candidates) {
      const result = await readResult(root, candidate.hash);
      if (result) candidate.found = { score: scoreValue(result), loss: result.testLoss };
    }
    for (const { network, arm } of candidates) {
      rates[network] = { ...rates[network], [arm]: bestOf(ofArm(candidates, network, arm)) };
    }
  }
}

/** The rate of the highest score; of several with that, of the least loss. */
export function bestOf(candidates: readonly Candidate[]): number {
  const [best] = candidates
    .flatMap(({ found, learningRate }) => (found ? [{ ...found, learningRate }] : []))
    .sort((a, b) => b.score - a.score || a.loss - b.loss);
  if (best) return best.learningRate;
  const [{ network, arm }] = candidates as [Candidate];
  throw new Error(`All trainings of the search for ${network}, ${arm} failed or were cancelled: try smaller factors.`);
}

function describe(settings: Settings, factors: readonly number[], rates: Rates, all: readonly Candidate[]): string {
  const chosen = Object.entries(rates).map(([network, ofArms]) => {
    const listed = Object.entries(ofArms).map(([arm, rate]) => {
      const edge = edgeOf(rate, ofArm(all, network, arm));
      return `${arm} ${rate}${edge ? ` (${edge})` : ''}`;
    });
    return `${network}: ${listed.join(', ')}`;
  });
  const atEdge = chosen.some((text) => text.includes(TRIED));
  return (
    `Learning rates were chosen for every arm of its own rate × ${factors.join(', × ')}, by ${scoreOf(settings).title} on ${heldOut(settings.data)} training ` +
    `images that the search held out, with seed ${settings.seeds[0]}; test images had no part in it. ${chosen.join('; ')}.${atEdge ? ' A better rate may lie beyond those at the edge of the search: --tune with further factors tells.' : ''}`
  );
}

const ofArm = (all: readonly Candidate[], network: string, arm: string) =>
  all.filter((candidate) => candidate.network === network && candidate.arm === arm);

const TRIED = 'of those tried';

/** Whether a better rate may lie outside of the search; one that was tried and failed is its outside. */
function edgeOf(rate: number, candidates: readonly Candidate[]): string {
  if (candidates.length === 1) return 'not searched';
  const rates = candidates.map(({ learningRate }) => learningRate);
  if (rate === Math.min(...rates)) return `the least ${TRIED}`;
  return rate === Math.max(...rates) ? `the largest ${TRIED}` : '';
}
