/** The site's first page: the paper's claims, and what was measured. */
import { counted, RESULTS_VERSION, scoreOfRow, settingsText, shortHash } from '@refconv/runs';
import { type Html, html } from '../html.js';
import { isAsked } from './claims.js';
import { count, percent } from './format.js';
import { type Judgement, missingTexts, number, rangeText, seedsText } from './judge.js';
import { page, table } from './layout.js';
import { objection } from './objection.js';
import type { Experiment, Site } from './read.js';
import type { Verdict } from './verdict.js';

const VERDICTS: readonly Verdict[] = ['agrees', 'disagrees', 'undecided', 'not measured'];

/** More comparisons than these are folded. */
const FOLDED = 8;

export const badge = (verdict: Verdict) => html`<span class="verdict ${verdict.replace(' ', '-')}">${verdict}</span>`;

export const experimentHref = (name: string) => `experiments/${encodeURIComponent(name)}/index.html`;

export function overviewPage(site: Site, judgements: readonly Judgement[]): string {
  const { ledger, experiments, others, problems } = site;
  const last = ledger
    .map(({ finished }) => finished)
    .sort()
    .at(-1);
  const commits = [...new Set(ledger.map(({ commit }) => commit.slice(0, 12)))];
  const older = new Map(
    experiments.flatMap(({ name, version }) =>
      version === undefined || version === RESULTS_VERSION ? [] : [[name, version] as const],
    ),
  );
  const body = html`<h1>RefConv: the paper’s claims, and what was measured</h1>
<p>Claims of <em>RefConv: Re-parameterized Refocusing Convolution for Powerful ConvNets</em> (arXiv 2310.10563), in our words, beside
${counted(ledger.length, 'finished run')} of ${counted(experiments.length, 'experiment')}${last ? html`, the last of ${last.slice(0, 10)}` : ''}.
All numbers come from <a href="ledger.csv">ledger.csv</a>${commits.length > 0 ? html` (commits ${commits.join(', ')})` : ''}.</p>
${problems.map((problem) => html`<p class="notice">${problem}</p>\n`)}
<ul class="counts">${VERDICTS.map((verdict) => {
    const number = judgements.filter((judgement) => judgement.verdict === verdict).length;
    return html`<li>${badge(verdict)} ${number}</li>`;
  })}</ul>
<details><summary>How a verdict comes about</summary>
<p>Two kinds of runs are compared seed by seed, for each network. From two seeds on the mean difference has a 95 % confidence interval
(Student’s t). <em>Agrees</em> and <em>disagrees</em> mean that the whole interval lies on one side of what the claim says; where it lies on both,
or where there is one seed alone, it is <em>undecided</em>. A claim agrees where all its comparisons do, and disagrees where one does. Many comparisons
at 95 % are wrong now and then. Numbers that are counted, such as FLOPs, need no second seed. Time and memory are those of the experiment cost alone:
the network and the plain one step in turn, nothing else is done meanwhile, and the ratios of the rounds take the place of seeds. Runs of several presets
are not mixed: the largest decides (paper, then cifar, cores, pocket), with tuned learning rates or without. Searches of learning rates and runs on synthetic
images say nothing about a claim. Runs whose settings were changed against their preset, or are not known, and runs of an earlier version of the results are
shown, and decide nothing.</p></details>

<h2 id="claims">Claims</h2>
${judgements.map((judgement) => claimSection(judgement, older, experiments))}

<h2 id="experiments">Experiments</h2>
${
  experiments.length > 0
    ? table(
        'Experiments, and how many of their runs are finished',
        ['experiment', 'preset', 'images', 'decides no claim', 'networks', 'results version', 'runs finished'],
        experiments.map((experiment) => [
          html`<a href="${experimentHref(experiment.name)}">${experiment.name}</a>`,
          settingsText(experiment.grid),
          experiment.data.join(', '),
          objection(experiment) ?? '',
          count(new Set(experiment.runs.map(({ network }) => network)).size),
          String(experiment.version ?? ''),
          finishedOf(experiment),
        ]),
        { text: 4 },
      )
    : html`<p>None: the scripts in experiments/ make them.</p>`
}
${
  others.length > 0
    ? table(
        'Finished runs of no experiment',
        ['run', 'network', 'method', 'images', 'seed', 'results version', 'top-1 or mean IoU'],
        others.map((row) => [
          shortHash(row.hash),
          row.network,
          row.method || 'none',
          row.data,
          row.seed,
          row.results_version,
          percent(scoreOfRow(row)),
        ]),
        { text: 4 },
      )
    : ''
}`;
  return page({ title: 'RefConv: claims and measurements', base: '', charts: false, body });
}

/** Of runs that are done and that no finding is of: which, and why they decide nothing. */
function undecidingText(experiments: readonly Experiment[]): string {
  const done = experiments.filter(({ runs }) => runs.some(({ state }) => state.state === 'done'));
  const named = done.map((experiment) => `${experiment.name} (${objection(experiment) ?? 'not all runs of a pair'})`);
  return named.length > 0 ? `runs are done and decide nothing: ${named.join(', ')}` : '';
}

function finishedOf({ runs }: Experiment): string {
  const hashes = new Map(runs.map(({ hash, state }) => [hash, state.state === 'done']));
  return `${[...hashes.values()].filter(Boolean).length} of ${hashes.size}`;
}

/** @param older experiments of earlier results versions, and which. */
function claimSection(
  judgement: Judgement,
  older: ReadonlyMap<string, number>,
  experiments: readonly Experiment[],
): Html {
  const { claim, verdict, findings } = judgement;
  const { source, experiments: asking } = claim;
  const rows = findings.map((finding) => [
    finding.network,
    finding.compared,
    html`<a href="${experimentHref(finding.experiment.name)}">${finding.experiment.name}</a>${finding.why ? ` (not counted: ${finding.why})` : ''}${versionNote(older.get(finding.experiment.name))}`,
    finding.unit ? `${finding.measure}, ${finding.unit}` : finding.measure,
    seedsText(finding),
    number(finding, finding.interval.mean),
    rangeText(finding),
    badge(finding.verdict),
  ]);
  const shown = table(
    `What was measured: ${claim.claim}`,
    ['network', 'compared', 'experiment', 'measured', 'seeds or rounds', 'mean', '95 % interval', 'verdict'],
    rows,
    { text: 4, captioned: false },
  );
  const networks = new Set(findings.map(({ network }) => network)).size;
  const undeciding = undecidingText(experiments.filter(({ grid }) => isAsked(claim, grid)));
  return html`<section class="claim">
<h3>${claim.claim}</h3>
<p>${badge(verdict)} <span class="soft">· ${source}${
    findings.length === 0
      ? html` · ${undeciding || 'no runs yet'}: node experiments/dist/${asking[0]}.js makes ${undeciding ? 'others' : 'them'}`
      : findings.some(({ counts }) => counts)
        ? ''
        : ' · only by runs that do not count'
  }${missingTexts(judgement)
    .map((text) => ` · ${text}`)
    .join('')}</span></p>
${
  findings.length === 0
    ? ''
    : findings.length > FOLDED
      ? html`<details><summary>${counted(findings.length, 'comparison')} on ${counted(networks, 'network')}</summary>${shown}</details>`
      : shown
}
</section>
`;
}

const versionNote = (version: number | undefined) => (version === undefined ? '' : ` (results version ${version})`);
