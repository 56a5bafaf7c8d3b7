/** The benchmark of clusters: a training step of one process, of a cluster that has it alone, and of two that share the batch. */
import { type Measured, measureInTurns, WorkerProcess } from '@refconv/analysis/measurement';
import { median, pairedRatios, spread } from '@refconv/analysis/statistics';
import { markdownTable } from '@refconv/files';
import { busyNote, writeFindings } from './findings.js';
import { machine, nodeScript } from './machine.js';
import type { WorkersSetting } from './workersWorker.js';

const NETWORKS = [
  { network: 'mobilenetv1' },
  { network: 'mobilenetv1', width: 0.25 },
  { network: 'resnet20_cifar' },
] as const;
const BATCH = 128;
const ROUNDS = 7;
const PLAIN = 'one process';

const medians = ({ rounds }: Measured) => rounds.map(({ milliseconds }) => median(milliseconds));

function rowsOf(title: string, measured: ReadonlyMap<string, Measured>): string[][] {
  const plain = medians(measured.get(PLAIN) as Measured);
  return [...measured].map(([name, one]) => {
    const { median: time, min, max } = spread(medians(one));
    const ratio = pairedRatios(plain, medians(one));
    return [
      title,
      name,
      `${time.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)})`,
      ((1000 * BATCH) / time).toFixed(0),
      ratio ? `${ratio.median.toFixed(3)} (${ratio.min.toFixed(3)}–${ratio.max.toFixed(3)})` : '–',
    ];
  });
}

/** Measures, prints the table and writes it with all figures to bench/results. */
export async function benchWorkers(log: (line: string) => void): Promise<void> {
  const date = new Date().toISOString();
  const where = await machine();
  const start = (name: string, setting: WorkersSetting, threads: number) => () =>
    new WorkerProcess(name, process.execPath, [nodeScript('workersWorker.js'), JSON.stringify(setting)], {
      TF_NUM_INTRAOP_THREADS: String(threads),
    });
  const rows: string[][] = [];
  const figures: Record<string, unknown> = {};
  const busy: Measured[] = [];
  for (const network of NETWORKS) {
    const title = 'width' in network ? `${network.network} ×${network.width}` : network.network;
    const contestant = (name: string, tasks: number, threads: number) =>
      [name, start(name, { ...network, batch: BATCH, tasks }, threads)] as const;
    const contestants = [
      contestant(PLAIN, 0, where.cores),
      contestant('a cluster of one', 1, where.cores),
      contestant('two processes', 2, Math.max(1, Math.floor(where.cores / 2))),
    ];
    const measured = await measureInTurns(Object.fromEntries(contestants), { rounds: ROUNDS - 1, log });
    rows.push(...rowsOf(title, measured));
    figures[title] = Object.fromEntries(measured);
    busy.push(...measured.values());
  }
  const header = ['network, 32×32', 'trained by', 'ms a step', 'images a second', 'images a second ÷ one process'];
  const text = [
    `# One training by several processes, ${date}`,
    `A batch of ${BATCH} in all, shared out, on the ${where.cores} cores of ${where.processor}, commit ${where.commit}; gradients are summed over loopback; medians over ` +
      `${ROUNDS - 1} rounds, least and largest in brackets.`,
    ...busyNote(busy),
    markdownTable(header, rows),
  ].join('\n\n');
  await writeFindings({ name: 'workers', date, text, figures: { date, machine: where, results: figures } }, log);
}
