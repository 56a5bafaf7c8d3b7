/** The benchmarks of segmentation and detection: a training step of LR-ASPP or SSDLite over MobileNetV1 against torchvision's in PyTorch, in turns. */
import { parseArgs } from 'node:util';
import { type Measured, measureInTurns, type Round, WorkerProcess } from '@refconv/analysis/measurement';
import { median, pairedRatios, spread } from '@refconv/analysis/statistics';
import { markdownTable } from '@refconv/files';
import type { DenseSetting, DenseTask } from './denseWorker.js';
import { busyNote, writeFindings } from './findings.js';
import { findPython, machine, nodeScript, pythonScript } from './machine.js';

/** What is measured of each where nothing else is said, and what the network is. */
const TASKS = {
  segmentation: { title: 'LR-ASPP', size: '180x240', batch: '8' },
  detection: { title: 'SSDLite', size: '320x320', batch: '16' },
} as const;

const usage = (task: DenseTask) => `Usage: npm run bench -- ${task} [options]
  --size HxW       height and width of the images (default: ${TASKS[task].size})
  --batch N        images a step (default: ${TASKS[task].batch})
  --width F        factor on MobileNetV1's channels (default: 0.25)
  --threads N      of both (default: one for each processor)
  --rounds N       rounds, of which the first is thrown away (default: 7)`;

const string = { type: 'string' } as const;

/** @throws Error where a value is not one of those allowed. */
function parse(task: DenseTask, args: string[]) {
  const options = { size: string, batch: string, width: string, threads: string, rounds: string };
  const given = parseArgs({ args, options }).values;
  const { size = TASKS[task].size, batch = TASKS[task].batch, width = '0.25', rounds = '7', threads } = given;
  const sides = size.split('x').map(Number);
  const [height, columns] = sides as [number, number];
  if (sides.length !== 2 || !sides.every((side) => Number.isInteger(side) && side > 0))
    throw new Error(`--size must be height and width, such as 180x240; given ${size}.`);
  for (const [name, value] of Object.entries({ batch, width, rounds, threads: threads ?? 1 }))
    if (!(Number(value) > 0)) throw new Error(`--${name} must be a number above 0; given ${value}.`);
  const setting = { size: [height, columns] as const, batch: Number(batch), width: Number(width) };
  return { setting, rounds: Number(rounds), ...(threads && { threads: Number(threads) }) };
}

const medians = ({ rounds }: Measured) => rounds.map(({ milliseconds }) => median(milliseconds));
const peakMemoryMB = ({ rounds }: Measured) => (rounds.at(-1) as Round).peakMemoryMB;

/** Measures, prints the table and writes it with all figures to bench/results. */
export async function benchDense(task: DenseTask, args: string[], log: (line: string) => void): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(`${usage(task)}\n`);
    return;
  }
  const { setting, rounds, threads: asked } = parse(task, args);
  const [where, python] = await Promise.all([machine(), findPython()]);
  if (python.missing) log(python.missing);
  const threads = asked ?? where.cores;
  process.env.TF_NUM_INTRAOP_THREADS = String(threads);
  const ours = (name: string, refconv: boolean) => () => {
    const own: DenseSetting = { ...setting, task, refconv, threads };
    return new WorkerProcess(name, process.execPath, [nodeScript('denseWorker.js'), JSON.stringify(own)]);
  };
  const torch = (name: string) => () => {
    const own = JSON.stringify({ ...setting, threads });
    return new WorkerProcess(name, python.program, ['-B', pythonScript(`${task}_worker.py`), own, name]);
  };
  const workers = {
    compiled: ours('compiled', false),
    ...(!python.missing && { pytorch: torch('pytorch') }),
    'compiled, RefConv': ours('compiled, RefConv', true),
  };
  const measured = await measureInTurns(workers, { rounds: rounds - 1, log });
  const first = measured.get('compiled') as Measured;
  const body = [...measured].map(([name, one]) => {
    const { median: time, min, max } = spread(medians(one));
    const ratio = pairedRatios(medians(first), medians(one));
    return [
      name,
      `${time.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)})`,
      ratio ? `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})` : '–',
      peakMemoryMB(one).toFixed(0),
      (peakMemoryMB(first) / peakMemoryMB(one)).toFixed(2),
      one.ready.parameters.toLocaleString('en'),
    ];
  });
  const header = ['', 'ms a step', 'compiled ÷ this', 'peak memory, MB', 'compiled ÷ this', 'trainable parameters'];
  const date = new Date().toISOString();
  const text = [
    `# Training step of ${TASKS[task].title} over MobileNetV1 ×${setting.width}, ${date}`,
    `${where.processor}, ${where.cores} cores, commit ${where.commit}; ${setting.size.join('×')}, batch ${setting.batch}, ${threads} threads; medians over ${rounds - 1} rounds, ` +
      'least and largest in brackets.',
    ...busyNote(measured.values()),
    markdownTable(header, body),
  ].join('\n\n');
  await writeFindings(
    {
      name: task,
      date,
      text,
      figures: { date, machine: where, setting, results: Object.fromEntries(measured) },
    },
    log,
  );
}
