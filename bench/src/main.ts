/** The benchmark: measures the cases, prints the report and writes it with all figures to bench/results. */
import { alone } from '@refconv/analysis/measurement';
import { benchAttacks } from './attacks.js';
import { CASES, type Case, quickened } from './cases.js';
import { benchDense } from './dense.js';
import { writeFindings } from './findings.js';
import { findPython, type MachineLimits, machine, measureLimits } from './machine.js';
import { benchMethods } from './methods.js';
import { benchNetworks } from './networks.js';
import { benchOptimisers } from './optimisers.js';
import { type Options, parseOptions, USAGE } from './options.js';
import { type Findings, report, versionsOf } from './report.js';
import { type CaseResult, runCase } from './runCase.js';
import { benchWorkers } from './workers.js';

const log = (line: string) => process.stderr.write(`bench: ${line}\n`);

async function measure(options: Options): Promise<Findings> {
  const { quick, rounds, contestants } = options;
  const date = new Date().toISOString();
  const [where, python] = await Promise.all([machine(), findPython()]);
  const notes: string[] = [];
  const wantsPython = contestants.some((name) => name.startsWith('pytorch'));
  if (wantsPython && python.missing) notes.push(python.missing);
  const [limitMilliseconds, roundMilliseconds] = quick ? [200, 200] : [2000, 1000];

  let limits: MachineLimits = {};
  const updateLimits = async () => {
    log("measuring the machine's limits");
    const measured = await measureLimits(python, options.threads ?? where.cores, limitMilliseconds, limits);
    limits = measured.limits;
    notes.push(...measured.failures);
  };

  await updateLimits();
  const cases: CaseResult[] = [];
  for (const name of options.cases) {
    const full = CASES[name] as Case;
    const cores = options.threads ?? where.cores;
    const run = { contestants, rounds, roundMilliseconds, cores, python, log };
    cases.push(await runCase(name, quick ? quickened(full) : full, run));
  }
  // Once more, since whatever else runs on the machine may have slowed the first try.
  await updateLimits();
  return { date, machine: where, versions: versionsOf(cases, limits), rounds, quick, limits, cases, notes };
}

const write = (findings: Findings): Promise<void> =>
  writeFindings({ date: findings.date, text: report(findings), figures: findings }, log);

/** The other benchmarks, by their names. */
const OTHERS: Readonly<Record<string, (args: string[], log: (line: string) => void) => Promise<void>>> = {
  methods: benchMethods,
  segmentation: (args, log) => benchDense('segmentation', args, log),
  detection: (args, log) => benchDense('detection', args, log),
  attacks: benchAttacks,
  optimisers: benchOptimisers,
  networks: (_, log) => benchNetworks(log),
  workers: (_, log) => benchWorkers(log),
};

async function main(): Promise<void> {
  const [name = '', ...args] = process.argv.slice(2);
  const other = OTHERS[name];
  if (other) return other(args, log);
  if (name === '--help') {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  let options: Options;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  await write(await measure(options));
}

// Everything runs on the processor: it is the one place where all of them can be compared on most machines.
process.env.CUDA_VISIBLE_DEVICES = '-1';
await alone(main, { log });
