/** The verdicts as Markdown, for those who read no page. */
import { markdownTable } from '@refconv/files';
import { type Finding, type Judgement, missingTexts, number, rangeText, seedsText } from './judge.js';

/** What a verdict rests on, or else what was measured. */
function measured({ findings }: Judgement): Finding[] {
  const counting = findings.filter(({ counts }) => counts);
  return counting.length > 0 ? counting : [...findings];
}

/**
 * The mean with its interval and n.
 * @example
 * ```ts
 * const finding = await fullMeasurement();
 * if (finding) console.log(valueText(finding));
 * ```
 */
export function valueText(finding: Pick<Finding, 'unit' | 'interval' | 'values' | 'planned' | 'exact'>): string {
  const { unit, interval } = finding;
  const mean = `${number(finding, interval.mean)}${unit ? ` ${unit}` : ''}`;
  const range = rangeText(finding);
  if (range === 'counted') return `${mean} (counted)`;
  if (interval.n === 1) return `${mean} (one seed, which has no interval)`;
  return `${mean} (${range}; n = ${seedsText(finding)})`;
}

function findingText(finding: Finding): string {
  const { network, compared, measure, experiment, counts, why } = finding;
  return `${network} (${experiment.grid.preset}), ${compared}: ${measure} ${valueText(finding)}${counts ? '' : `, not counted: ${why}`}`;
}

/** Of all claims: verdict, what it rests on, and the grids that this was measured by. */
export function verdictsMarkdown(judgements: readonly Judgement[]): string {
  const rows = judgements.map((judgement) => {
    const findings = measured(judgement);
    const grids = [...new Set(findings.map(({ experiment }) => experiment.name))];
    return [
      judgement.claim.claim,
      `**${judgement.verdict}**`,
      [...findings.map(findingText), ...missingTexts(judgement)].join('<br>'),
      grids.map((name) => `[${name}](grids/${name}/table.md)`).join(', '),
    ];
  });
  return `# Verdicts

Made from the results beside it, by the rules on the first page of the report: a claim agrees or disagrees where the whole 95 % interval (Student's t, paired by
seed) lies on one side of what it says.

${markdownTable(['claim', 'verdict', 'measured (95 % interval; n seeds)', 'grid'], rows, { texts: 4 })}
`;
}

/** The claims of which something was measured, in short. */
export function shortVerdicts(judgements: readonly Judgement[]): string {
  const known = judgements.filter(({ verdict }) => verdict !== 'not measured');
  const rows = known.map((judgement) => {
    const findings = measured(judgement);
    // One that says why the verdict is what it is.
    const first = findings.find(({ verdict }) => verdict === judgement.verdict) ?? findings[0];
    const text = first ? findingText(first) : '';
    const more = findings.length > 1 ? [`and ${findings.length - 1} more`] : [];
    return [judgement.claim.claim, judgement.verdict, [text, ...more, ...missingTexts(judgement)].join('; ')];
  });
  const open = judgements.length - known.length;
  return `${markdownTable(['claim', 'verdict', 'measured (95 % interval; n seeds)'], rows, { texts: 3 })}\n\nNot measured: ${open} of ${judgements.length} claims.`;
}
