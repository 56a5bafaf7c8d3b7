import { inUnits } from '../setup/disk.js';
import type { Problem, Report } from './report.js';

/** The report as text: facts first, then the problems with their remedies. */
export function reportText(report: Report): string {
  return [facts(report), ...report.problems.map(problemText), summary(report)].join('\n\n');
}

function facts(report: Report): string {
  const { node, system, tensorflow, gpu, devices, threads, cache, programs } = report;
  const { installation } = tensorflow;
  const rows: [string, string][] = [
    ['Node', `${node.version}${node.supported ? '' : ' (not supported)'}`],
    ['System', `${system.name}, ${system.architecture}, glibc ${system.glibc ?? 'not found'}`],
    [
      'TensorFlow',
      installation
        ? `${installation.version} (${installation.flavour}) in ${installation.libraryFolder}`
        : `not set up yet (${tensorflow.wanted ?? 'unknown'} is wanted): the first command that needs it does that`,
    ],
    ...devices.map((device): [string, string] => [
      'Device',
      device.type === 'GPU' ? `${device.name}, ${inUnits(device.memoryBytes)}` : device.name,
    ]),
    [
      'NVIDIA',
      gpu.driver ? `driver ${gpu.driver.version ?? 'of unknown version'} (${gpu.driver.foundAt})` : 'no driver',
    ],
    ['Threads', threadsText(threads)],
    [
      'Cache',
      `${cache.folder}${cache.freeBytes === undefined ? ' (not there)' : `, ${inUnits(cache.freeBytes)} free`}`,
    ],
    ...cache.entries
      .filter(({ name }) => !name.startsWith('.lock') && !name.startsWith('.set-up-by'))
      .map((entry): [string, string] => ['', `${entry.name}: ${inUnits(entry.bytes)}${entry.inUse ? ', in use' : ''}`]),
    ['Python', programs.python ?? 'not found'],
    ['pip', programs.pip ?? 'not found'],
    ['Compiler', programs.compiler ?? 'not found'],
  ];
  return rows.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n');
}

function threadsText({ processors, quota, variables }: Report['threads']): string {
  const limit = quota === undefined ? [] : [`limited to ${quota} by the control group`];
  const set = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return [`${processors} processors`, ...limit, ...set].join(', ');
}

function problemText({ severity, message, remedy }: Problem): string {
  return `${severity === 'error' ? 'ERROR' : 'WARNING'}: ${message}\n${remedy.replace(/^/gm, '  ')}`;
}

function summary({ problems }: Report): string {
  if (problems.length === 0) return 'No problem found.';
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return `${errors} error${errors === 1 ? '' : 's'}, ${problems.length - errors} warning${problems.length - errors === 1 ? '' : 's'}.`;
}
