/** What experiments ask, claim and cost, to read: in their --help, in docs/experiments.md, and as the report's list of claims. */
import { fileURLToPath } from 'node:url';
import { markdownTable } from '@refconv/files';
import { type Claim, costText, type MeasuredCost } from '@refconv/runs';
import { checkSettings, type Experiment, gridOf, nameOf, PRESETS, type Preset } from './experiment.js';

export const DOCS = fileURLToPath(new URL('../../docs/experiments.md', import.meta.url));
/** What reports know of experiments whose grids are not there, or are older than claims in grids. */
export const LIST = fileURLToPath(new URL('../../reports/assets/claims.json', import.meta.url));

/** How many runs a preset plans, and on what. */
function planOf(experiment: Experiment, preset: Preset): { runs: number; device: string } {
  const settings = checkSettings(experiment, experiment.presets[preset]);
  const { runs } = gridOf(experiment, preset, settings);
  return { runs: Object.keys(runs).length, device: settings.threads === null ? 'on GPUs' : 'on processor cores' };
}

const measuredText = (cost: MeasuredCost | undefined) => (cost ? `measured: ${costText(cost)}` : 'time not measured');

/** The end of an experiment's --help. */
export function askedText(experiment: Experiment): string {
  const { source, notKnown, details, claims, costs } = experiment;
  const presets = PRESETS.map((preset) => {
    const { runs, device } = planOf(experiment, preset);
    return `  ${preset.padEnd(8)}${runs} runs ${device}; ${measuredText(costs?.[preset])}`;
  });
  return [
    `Source: ${source}.`,
    ...(notKnown ? [`Not known of the paper: ${notKnown}.`] : []),
    ...(details ? [details] : []),
    ...(claims.length > 0 ? ['', 'Claims:', ...claims.map(({ claim, source }) => `  ${claim} (${source})`)] : []),
    ...['', 'Presets:', ...presets],
  ].join('\n');
}

/** Each claim once, with the experiments whose runs decide it. @throws RangeError where two claims have one id. */
export function listClaims(experiments: readonly Experiment[]): (Claim & { experiments: string[] })[] {
  const listed = new Map<string, { claim: Claim; experiments: string[] }>();
  for (const { name, claims } of experiments) {
    for (const claim of claims) {
      const known = listed.get(claim.id);
      if (known && known.claim !== claim)
        throw new RangeError(
          `The claim '${claim.id}' of ${name} is another than that of ${known.experiments[0]}: give it an id of its own.`,
        );
      listed.set(claim.id, { claim, experiments: [...(known?.experiments ?? []), name] });
    }
  }
  return [...listed.values()].map(({ claim, experiments }) => ({ ...claim, experiments }));
}

/** The report's list. */
export const listText = (experiments: readonly Experiment[]) =>
  `${JSON.stringify(listClaims(experiments), undefined, 2)}\n`;

/** More networks are counted. */
const NAMED = 3;

/** The tables of docs/experiments.md. */
export function experimentTables(experiments: readonly Experiment[]): string {
  const script = ({ name }: Experiment) => `\`${name}\``;
  const asked = experiments.map((experiment) => {
    const { question, arms, presets } = experiment;
    const networks = presets.paper.networks.map(nameOf);
    return [
      ...[script(experiment), question],
      networks.length > NAMED ? `${networks.length} networks` : networks.join(', '),
      Object.keys(arms).join('; '),
    ];
  });
  const costs = experiments.map((experiment) => [
    script(experiment),
    ...PRESETS.map((preset) => {
      const cost = experiment.costs?.[preset];
      return `${planOf(experiment, preset).runs}${cost ? ` (${costText(cost)})` : ''}`;
    }),
  ]);
  const claims = listClaims(experiments).map(({ claim, source, experiments }) => [
    ...[claim, source],
    experiments.map((name) => `\`${name}\``).join(', '),
  ]);
  return `${markdownTable(['script', 'asks', 'networks', 'arms'], asked, { texts: 4, padded: true })}

Runs of each preset, and what was measured of their time:

${markdownTable(['script', ...PRESETS], costs, { texts: 1 + PRESETS.length, padded: true })}

The claims that they decide:

${markdownTable(['claim', 'source', 'script'], claims, { texts: 3, padded: true })}`;
}
