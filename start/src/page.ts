/** The report page of `npm start`. */
import { type Finding, Html, html, htmlPage, valueText } from '@refconv/reports';
import type { EpochRow, StartResult } from './result.js';

const count = (value: number) => value.toLocaleString('en');
const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
const signed = (points: number) => `${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(2)}`;

/** A page that needs no other file and no network. @param full what the full measurement found. */
export function reportPage(result: StartResult, svg: string, full?: Finding): string {
  const { data, recipe, baseline: began, init, curves, cost, agreement, speed, machine, network } = result;
  const last = (rows: readonly EpochRow[]) => (rows.at(-1) as EpochRow).testTop1;
  const [baseline, control, refconv] = [began.testTop1, last(curves.control), last(curves.refconv)];
  const difference = 100 * (refconv - control);
  // A baseline that is kept has no epochs here.
  const trained = curves.baseline.length > 0;
  // Of one accuracy, from the number of test images alone: the binomial distribution's.
  const standardError = 100 * Math.sqrt((refconv * (1 - refconv)) / data.test);

  const body = html`<main>
<h1>${network} on ${data.name}, with and without RefConv</h1>
<p>${
    began.run === undefined
      ? `A baseline was trained for ${began.epochs} epochs.`
      : `The baseline was trained before, for ${began.epochs} epochs.`
  } Two copies of it were then trained for ${recipe.epochs} epochs more, by the same
recipe and with the same seed: the control as it is, the other refocused: its kernels W_b frozen, a small convolution W_r over
them learned.</p>

<p class="caution"><strong>One seed proves nothing.</strong> After the last epoch RefConv is ${signed(difference)} points from the control.
This is one run of each with seed ${recipe.seed}, short and on ${count(data.train)} training images; another seed may well turn the order
round. With ${count(data.test)} test images alone, an accuracy has a standard error of ${standardError.toFixed(2)} points.</p>
${full ? html`<p>${fullText(full)}</p>` : ''}

<figure>
${accessible(svg, curves)}
<figcaption>Accuracy on ${count(data.test)} test images after each epoch. ${
    began.run === undefined ? 'At the dotted line control' : 'Control'
  } and RefConv take over from the baseline,
and the learning rate starts anew.</figcaption>
</figure>

<h2>What came out</h2>
<div class="scroll"><table>
<caption>After the last epoch</caption>
<thead><tr><th scope="col"></th><th scope="col">epochs</th><th scope="col">test accuracy</th></tr></thead>
<tbody>
${[
  { name: 'baseline', epochs: began.epochs, top1: baseline },
  { name: 'control, no RefConv', epochs: began.epochs + recipe.epochs, top1: control },
  { name: 'RefConv', epochs: began.epochs + recipe.epochs, top1: refconv },
].map(
  ({ name, epochs, top1 }) => html`<tr><th scope="row">${name}</th><td>${epochs}</td><td>${percent(top1)}</td></tr>
`,
)}</tbody>
</table></div>

<div class="scroll"><table>
<caption>What the networks cost</caption>
<thead><tr><th scope="col"></th><th scope="col">trainable parameters</th><th scope="col">MACs an image</th><th scope="col">ms for ${speed.batchSize} images</th></tr></thead>
<tbody>
<tr><th scope="row">baseline</th><td>${count(cost.baseline.trainable)}</td><td>${count(cost.baseline.macs)}</td><td>${speed.baseline.toFixed(1)}</td></tr>
<tr><th scope="row">refocused, in training</th><td>${count(cost.refocused.trainable)}</td><td></td><td>${speed.refocused.toFixed(1)}</td></tr>
<tr><th scope="row">merged</th><td>${count(cost.merged.trainable)}</td><td>${count(cost.merged.macs)}</td><td>${speed.merged.toFixed(1)}</td></tr>
</tbody>
</table></div>
<p>Times are medians of ${speed.rounds} rounds in which the networks took turns. Merged ÷ baseline, taken round by round:
${speed.ratio[1].toFixed(2)} (median; least ${speed.ratio[0].toFixed(2)}, largest ${speed.ratio[2].toFixed(2)}).</p>
<p>Merged and refocused network predict the same class on ${count(agreement.samePredictions)} of ${count(agreement.images)} test
images. Their logits, of at most ${agreement.largestLogit.toFixed(1)}, ${logitDifference(agreement.largestLogitDifference)}.</p>

<h2>Epoch by epoch</h2>
<div class="scroll"><table>
<caption>Test accuracy after each epoch; each training counts its own</caption>
<thead><tr><th scope="col">epoch</th>${trained ? html`<th scope="col">baseline</th>` : ''}<th scope="col">control</th><th scope="col">RefConv</th></tr></thead>
<tbody>
${curves.control.map(
  ({ epoch, testTop1 }, i) => html`<tr><th scope="row">${epoch}</th>${[
    ...(trained ? [curves.baseline[i]?.testTop1] : []),
    testTop1,
    curves.refconv[i]?.testTop1,
  ].map((top1) => html`<td>${top1 === undefined ? '' : percent(top1)}</td>`)}</tr>
`,
)}</tbody>
</table></div>

<h2>How it was made</h2>
<dl>
<dt>Images</dt><dd>${data.name}: ${count(data.train)} training and ${count(data.test)} test images (${data.source})</dd>
<dt>Recipe</dt><dd>the paper's on fewer epochs, for each training here: SGD, momentum ${recipe.momentum}, weight decay ${recipe.weightDecay},
batches of ${recipe.batchSize}, linear warm-up over ${recipe.warmUpEpochs.toFixed(2)} epochs to ${recipe.learningRate}, then a cosine to
${recipe.finalLearningRate}; random crop and flip; seed ${recipe.seed}. W_r begins ${START_OF[init]}${
    recipe.refocusingRate === undefined ? '' : `, and its rate is ${rateText(recipe.refocusingRate)}`
  }</dd>
${
  began.run === undefined
    ? ''
    : html`<dt>Baseline</dt><dd>run ${began.run} of the measurement; <code>npx refconv experiment rerun ${began.run.slice(0, 12)}</code> trains it again</dd>
`
}
<dt>Machine</dt><dd>${machine.cpu}, ${machine.threads} threads, TensorFlow ${machine.tensorflow}, Node ${machine.node}</dd>
<dt>Data</dt><dd><a href="chart.csv">chart.csv</a>, the chart as <a href="chart.vl.json">vega-lite</a> and <a href="chart.svg">SVG</a>,
<a href="result.json">result.json</a>; every training's metrics.csv is in its folder</dd>
</dl>
</main>`;
  return htmlPage(`RefConv: ${network} on ${data.name}`, html`<style>${new Html(STYLE)}</style>\n`, body);
}

/** The full measurement beside this one, in a sentence. */
export function fullText(full: Finding): string {
  const { network, verdict } = full;
  const what: Record<typeof verdict, string> = {
    agrees: 'RefConv gains more than the control there',
    disagrees: 'RefConv gains less than the control there',
    undecided: 'which of the two is better is not decided there',
    'not measured': 'nothing was measured there',
  };
  return `The full measurement of ${network} (reports/measured): RefConv − control ${valueText(full)}: ${what[verdict]}.`;
}

const START_OF: Record<StartResult['init'], string> = {
  zero: 'at zero, so that RefConv begins as the baseline',
  xavier: "by Xavier's draw, as in the paper",
  official: "by the official code's draw",
};

const rateText = (rate: number | 'matched') =>
  rate === 'matched'
    ? 'matched: divided in each layer by how much further a step of W_r moves a kernel than a plain step would'
    : `${rate} times that of all else`;

const logitDifference = (largest: number) =>
  largest === 0 ? 'are equal bit by bit' : `differ by at most ${largest.toExponential(1)}`;

/** The chart with a title and a description for readers who do not see it. Takes markup that vega made. */
function accessible(svg: string, curves: StartResult['curves']): Html {
  const ends = Object.entries(curves).flatMap(([curve, rows]) => {
    const row = rows.at(-1);
    return row ? `${curve} ends at ${percent(row.testTop1)}` : [];
  });
  const { text } =
    html`<title id="chart-title">Test accuracy over the epochs</title><desc id="chart-description">Three lines: ${ends.join(', ')}. All numbers are in the tables below.</desc>`;
  return new Html(
    svg.replace(
      /<svg\b[^>]*>/,
      (start) => `${start.slice(0, -1)} role="img" aria-labelledby="chart-title chart-description">${text}`,
    ),
  );
}

const STYLE = `
:root { --ink: #1b1f23; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; --caution: #fff4d6; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --soft: #a3abb3; --line: #3d444d; --paper: #14171a; --caution: #3a3116; --link: #79b8ff; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 42rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2rem; }
a { color: var(--link); }
.caution { background: var(--caution); padding: .75rem 1rem; border-radius: .4rem; }
figure { margin: 1.5rem 0; } figure svg { width: 100%; height: auto; }
figcaption, caption { color: var(--soft); font-size: .9rem; text-align: left; }
figure svg text { fill: var(--ink); } figure svg > rect { fill: none; } figure svg .role-axis-grid line { stroke: var(--line); }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child { text-align: left; } th { font-weight: normal; color: var(--soft); }
@media (max-width: 30rem) { table { font-size: .85rem; } th, td { padding-right: .35rem; } }
dt { color: var(--soft); } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
`;
