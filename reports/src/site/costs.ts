/** What a method costs, from the rounds that its run measured. */
import { join } from 'node:path';
import { readCsv } from '../metrics.js';
import type { CostRatios } from './measures.js';

type Row = Record<string, string | number>;

/** Of a run of the experiment cost; none of a plain network, nor of one whose time was not measured in rounds. */
export async function costRatios(folder: string, [row]: readonly Row[]): Promise<CostRatios[]> {
  const rounds = await readCsv(join(folder, 'rounds.csv'));
  if (!row || !rounds?.some(({ network }) => network !== 'plain')) return [];
  const ratios = (column: string, of: typeof rounds) =>
    of.flatMap((round) => {
      const plain = rounds.find(
        (each) => each.network === 'plain' && each.process === round.process && each.round === round.round,
      );
      return round.network !== 'plain' && plain ? [Number(round[column]) / Number(plain[column])] : [];
    });
  // The memory after a process's last round is its largest.
  const last = rounds.filter(
    ({ process, network }, i) =>
      !rounds.slice(i + 1).some((later) => later.process === process && later.network === network),
  );
  const [flops, ofWeights] = [Number(row.flops_per_step), Number(row.flops_of_weights)];
  return [
    {
      batchSize: Number(row.batch_size),
      // What the method does to its kernels comes on top of what the plain network does.
      flops: flops > ofWeights ? [flops / (flops - ofWeights)] : [],
      time: ratios('milliseconds', rounds),
      memory: 'memory_ratio' in row ? ratios('peak_memory', last) : [],
      ...(row.disturbed === 'yes' && { disturbed: Number(row.used_by_others) }),
    },
  ];
}
