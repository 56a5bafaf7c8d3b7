import { basename } from 'node:path';
import { cacheFolder } from '@refconv/files';
import { checkPlatform } from '../setup/environment.js';
import { SetupError } from '../setup/errors.js';
import { findInstallation } from '../setup/index.js';
import { bindingFolder, currentPlan, type Plan } from '../setup/plan.js';
import { checkCompiler, checkPython } from '../setup/tools.js';
import { findDriver, probeDevices, unusedGpu } from './devices.js';
import type { Device, Problem, Report } from './report.js';
import { describeCache, describeNode, describePrograms, describeSystem, describeThreads } from './surroundings.js';

/** Looks at everything that TensorFlow needs here. Installs and downloads nothing; works when TensorFlow is not there yet. */
export async function doctor(): Promise<Report> {
  const problems: Problem[] = [];
  const note = (problem: Problem | undefined) => {
    if (problem) problems.push(problem);
  };
  /** What a check of the set-up throws becomes a problem. */
  const attempt = async <T>(check: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      note({ severity: 'error', message: error.message, remedy: error.remedy });
      return undefined;
    }
  };

  const { node, problem: nodeProblem } = describeNode();
  note(nodeProblem);
  await attempt(() => checkPlatform());
  const plan = await attempt(() => currentPlan());
  const installation = findInstallation();
  const driver = findDriver();
  let devices: Device[] = [];
  if (installation) {
    const probe = await probeDevices(installation);
    devices = probe.devices;
    note(probe.problem);
    if (driver && !probe.problem && !usesGpu(devices)) note(unusedGpu(driver, installation, probe.log));
  } else if (plan) {
    await attempt(() => checkCompiler());
    if (plan.tensorflow.source?.kind === 'wheels') await attempt(() => checkPython());
  }
  const { threads, problem: threadsProblem } = describeThreads();
  note(threadsProblem);
  return {
    node,
    system: describeSystem(),
    tensorflow: { wanted: plan && wanted(plan), installation },
    gpu: { driver, used: usesGpu(devices) },
    devices,
    threads,
    cache: await describeCache(cacheFolder(), new Set(plan ? foldersOf(plan) : [])),
    programs: await describePrograms(),
    problems,
  };
}

function usesGpu(devices: Device[]): boolean {
  return devices.some(({ type }) => type === 'GPU');
}

function wanted({ tensorflow }: Plan): string {
  return tensorflow.flavour === 'folder' ? tensorflow.folder : tensorflow.flavour;
}

function foldersOf(plan: Plan): string[] {
  return [plan.tensorflow.folder, bindingFolder(plan)].map((path) => basename(path));
}
