/** The benchmark of attacks: PGD-20 on ResNet-20's images beside PyTorch's, in turns, with as much work for all. */
import { parseArgs } from 'node:util';
import { type Measured, measureInTurns, WorkerProcess } from '@refconv/analysis/measurement';
import { mean, pairedRatios, spread } from '@refconv/analysis/statistics';
import { markdownTable } from '@refconv/files';
import type { AttackSetting } from './attackWorker.js';
import { busyNote, writeFindings } from './findings.js';
import { findPython, machine, nodeScript, pythonScript } from './machine.js';

const USAGE = `Usage: npm run bench -- attacks [options]
  --images N   in all (default: 1000)
  --batch N    images a call, and a round (default: 100)`;

/** Of PGD, as it is usually measured; in 1/255. */
const EPS = 8;
const STEPS = 20;

/** @throws Error where a value is not one of those allowed. */
function parse(args: string[]): { images: number; batch: number } {
  const string = { type: 'string' } as const;
  const { values } = parseArgs({ args, options: { images: string, batch: string } });
  const whole = (flag: 'images' | 'batch', usual: number) => {
    const value = Number(values[flag] ?? usual);
    if (Number.isInteger(value) && value >= 1) return value;
    throw new Error(`--${flag} must be a whole number from 1; given ${values[flag]}.`);
  };
  return { images: whole('images', 1000), batch: whole('batch', 100) };
}

const times = ({ rounds }: Measured) => rounds.map(({ milliseconds }) => mean(milliseconds) / 1000);

/** Measures, prints the table and writes it with all figures to bench/results. */
export async function benchAttacks(args: string[], log: (line: string) => void): Promise<void> {
  let options: ReturnType<typeof parse>;
  try {
    options = parse(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  const { images, batch } = options;
  const [where, python] = await Promise.all([machine(), findPython()]);
  if (python.missing) log(python.missing);
  const setting: AttackSetting = { batch, eps: EPS, steps: STEPS, threads: where.cores };
  const ours = () =>
    new WorkerProcess('compiled', process.execPath, [nodeScript('attackWorker.js'), JSON.stringify(setting)]);
  const theirs = (name: string, channelsLast: boolean) => () => {
    const argument = JSON.stringify({ ...setting, channelsLast });
    return new WorkerProcess(name, python.program, ['-B', pythonScript('attack.py'), argument, name]);
  };
  const workers = {
    compiled: ours,
    ...(!python.missing && {
      pytorch: theirs('pytorch', false),
      'pytorch, channels last': theirs('pytorch, channels last', true),
    }),
  };
  // Each is at work for as long as a batch takes: some seconds.
  const measured = await measureInTurns(workers, { rounds: Math.ceil(images / batch), roundMilliseconds: 1, log });
  const compiled = measured.get('compiled') as Measured;
  const date = new Date().toISOString();
  const body = [...measured].map(([name, one]) => {
    const { median: time, min, max } = spread(times(one));
    const ratio = pairedRatios(times(compiled), times(one));
    return [
      name,
      `${time.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`,
      ratio ? `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})` : '–',
    ];
  });
  const text = [
    `# PGD-${STEPS} on ResNet-20, ${date}`,
    `${where.processor}, ${where.cores} cores, commit ${where.commit}; ${images} images of 32×32 in batches of ${batch}, none left out when it is broken; medians ` +
      'over the batches, least and largest in brackets.',
    ...busyNote(measured.values()),
    markdownTable(['contestant', 'seconds a batch', 'compiled ÷ this'], body),
  ].join('\n\n');
  await writeFindings(
    { name: 'attacks', date, text, figures: { date, machine: where, options, results: Object.fromEntries(measured) } },
    log,
  );
}
