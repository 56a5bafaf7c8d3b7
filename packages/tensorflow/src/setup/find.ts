import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './errors.js';
import { bindingFolder, currentPlan, type Flavour, isComplete, type Plan } from './plan.js';

/** A TensorFlow that is ready to be loaded. */
export interface Installation {
  flavour: Flavour;
  /** Of TensorFlow, as its library names it. */
  version: string;
  /** Holds libtensorflow_cc.so.2 and libtensorflow_framework.so.2 (or libtensorflow.so.2). */
  libraryFolder: string;
  /** tfjs-node's add-on, tfjs_binding.node. */
  tfjsBinding: string;
  /** The add-on compiled from native/. */
  graphBinding: string;
  /** The add-on that holds back what TensorFlow writes while it is being loaded. */
  quietBinding: string;
}

/** In the folder of the compiled add-ons: TensorFlow's version, as they told it. */
export const VERSION_FILE = 'tensorflow-version';

/**
 * The finished installation for the current environment, or undefined if there is none (or none can be, for a reason that
 * `ensureInstallation` gives). Looks at some files' names only: a few milliseconds.
 */
export function findInstallation(): Installation | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return finished(currentPlan());
  } catch (error) {
    if (error instanceof SetupError) return undefined;
    throw error;
  }
}

/** The installation that the plan describes, if it is there and whole. */
export function finished(plan: Plan): Installation | undefined {
  const folder = bindingFolder(plan);
  const versionFile = join(folder, VERSION_FILE);
  const { flavour, libraryFolder } = plan.tensorflow;
  const addons = {
    tfjsBinding: join(folder, `${plan.tfjs.name}.node`),
    graphBinding: join(folder, `${plan.graph.name}.node`),
    quietBinding: join(folder, `${plan.quiet.name}.node`),
  };
  const whole = [versionFile, ...Object.values(addons)].every((path) => existsSync(path));
  if (!whole || !isComplete(plan.tensorflow)) return undefined;
  return { flavour, version: readFileSync(versionFile, 'utf8').trim(), libraryFolder, ...addons };
}
