/** The benchmark of networks: how long each takes to be built, and to be compiled and run for the first time. */
import { type Ready, WorkerProcess } from '@refconv/analysis/measurement';
import { BACKBONES } from '@refconv/backbones';
import { markdownTable } from '@refconv/files';
import { writeFindings } from './findings.js';
import { machine, nodeScript } from './machine.js';
import type { MethodSetting } from './methodWorker.js';

const BATCH = 32;

/** Measures every network's cifar variant, one process each, prints the table and writes it to bench/results. */
export async function benchNetworks(log: (line: string) => void): Promise<void> {
  const date = new Date().toISOString();
  const where = await machine();
  const rows: string[][] = [];
  for (const network of BACKBONES.ids()) {
    log(network);
    const setting: MethodSetting = {
      network,
      variant: 'cifar',
      inputSize: 32,
      classes: 10,
      batch: BATCH,
      method: 'plain',
    };
    const worker = new WorkerProcess(network, process.execPath, [
      nodeScript('methodWorker.js'),
      JSON.stringify(setting),
    ]);
    try {
      const ready = await worker.ask<Ready>();
      const seconds = [ready.buildMilliseconds, ready.firstStepMilliseconds, ready.warmStepMilliseconds];
      rows.push([network, ...seconds.map((time) => (time / 1000).toFixed(2))]);
    } finally {
      await worker.stop();
    }
  }
  const header = ['network', 'built, s', 'compiled and first step, s', 'a later step, s'];
  const text = [
    `# Networks, built and compiled, ${date}`,
    `${where.processor}, ${where.cores} cores, commit ${where.commit}; cifar variants, 32×32, batch ${BATCH}, a training step.`,
    markdownTable(header, rows),
  ].join('\n\n');
  await writeFindings({ name: 'networks', date, text }, log);
}
