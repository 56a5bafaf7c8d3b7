/** Connectivity, redundancy and skeletons of a refocused network's depthwise layers. */
import { parseArgs } from 'node:util';
import { connectivityOf, redundancyOf, skeletonsOf } from '@refconv/analysis';
import { loadModel } from '@refconv/training';
import { entries, main, writeCsv } from './output.js';

const HELP = `node experiments/dist/analyses/kernels.js --model DIR --output DIR [--channels 64]
Writes connectivity.csv, redundancy.csv and skeletons.csv of a refocused network's depthwise layers, before merging.`;

main(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      output: { type: 'string' },
      channels: { type: 'string', default: '64' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || !values.model || !values.output) {
    if (!values.help) process.exitCode = 1;
    console.log(HELP);
    return;
  }
  const channels = Number(values.channels);
  const { model } = await loadModel(values.model);
  const ties = connectivityOf(model, { channels });
  await writeCsv(
    values.output,
    'connectivity.csv',
    ['layer', 'row', 'column', 'value'],
    ties.flatMap(({ name, matrix }) => [...entries([name], matrix)]),
  );
  await writeCsv(
    values.output,
    'connectivity-summary.csv',
    ['layer', 'mean', 'off_diagonal_mean', 'initial_mean', 'initial_standard_deviation'],
    ties.map(({ name, summary, initial }) => [
      name,
      summary.mean,
      summary.offDiagonalMean,
      initial.mean,
      initial.standardDeviation,
    ]),
  );
  await writeCsv(
    values.output,
    'redundancy.csv',
    ['layer', 'kernel', 'measure', 'row', 'column', 'value'],
    redundancyOf(model, { channels }).flatMap(({ name, basis, transformed }) =>
      (['plain', 'unitNorm'] as const).flatMap((measure) => [
        ...entries([name, 'W_b', measure], basis[measure]),
        ...entries([name, 'W_t', measure], transformed[measure]),
      ]),
    ),
  );
  await writeCsv(
    values.output,
    'skeletons.csv',
    ['layer', 'kernel', 'row', 'column', 'value'],
    skeletonsOf(model).flatMap(({ name, basis, transformed }) => [
      ...entries([name, 'W_b'], basis),
      ...entries([name, 'W_t'], transformed),
    ]),
  );
  console.log(`Wrote ${ties.length} layers' matrices to ${values.output}`);
});
