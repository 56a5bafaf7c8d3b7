/** The programs that a set-up needs, and how to get them. */
import { findProgram } from './environment.js';
import { SetupError } from './errors.js';
import { lastLines, type RunOptions, run } from './run.js';

/** Versions of pip before this one know neither `--platform` more than once nor newer manylinux names. */
const OLDEST_PIP = 21;

/** The C++ compiler and its first arguments: `$CXX` (which may be "ccache g++"), else `c++`. */
export function compiler(env: NodeJS.ProcessEnv = process.env): string[] {
  const words = (env.CXX ?? '').split(/\s+/).filter((word) => word !== '');
  return words.length > 0 ? words : ['c++'];
}

/**
 * Checks that a C++ compiler is there.
 * @throws SetupError saying how to get one
 */
export function checkCompiler(env: NodeJS.ProcessEnv = process.env): void {
  const [program = 'c++'] = compiler(env);
  if (findProgram(program, env)) return;
  const named = env.CXX ? `CXX names "${program}", which was not found` : 'c++ was not found on PATH';
  throw new SetupError(
    `No C++ compiler: ${named}. It is needed to compile the add-ons that connect Node with TensorFlow.`,
    howToInstall('g++', 'gcc-c++', 'gxx_linux-64 (and set CXX=x86_64-conda-linux-gnu-c++)'),
  );
}

/**
 * Checks that Python 3 with a pip that is new enough is there.
 * @throws SetupError saying what is missing and how to get it
 */
export async function checkPython(options: RunOptions = {}): Promise<void> {
  const env = options.env ?? process.env;
  if (!findProgram('python3', env)) {
    throw new SetupError(
      "No Python: python3 was not found on PATH. Its pip downloads TensorFlow, which is taken from TensorFlow's Python wheels.",
      howToInstall('python3 python3-pip', 'python3 python3-pip', 'python pip'),
    );
  }
  const pip = await run('python3', ['-m', 'pip', '--version'], options);
  if (pip.code !== 0) {
    throw new SetupError(
      `python3 (${findProgram('python3', env)}) has no working pip:\n${lastLines(pip.output, 3)}`,
      `${howToInstall('python3-pip', 'python3-pip', 'pip')}\nOr make a virtual environment that has it: python3 -m venv, then its bin folder first on PATH.`,
    );
  }
  const major = Number(/^pip (\d+)/m.exec(pip.stdout)?.[1]);
  if (major < OLDEST_PIP) {
    throw new SetupError(
      `pip is too old to download TensorFlow: it is version ${major}, and ${OLDEST_PIP} or later is needed.`,
      'Make a virtual environment with a newer one: python3 -m venv ENV; ENV/bin/pip install --upgrade pip; export PATH=$PWD/ENV/bin:$PATH',
    );
  }
}

function howToInstall(debian: string, fedora: string, conda: string): string {
  return [
    'To get it:',
    `  Debian, Ubuntu:  sudo apt install ${debian}`,
    `  Fedora, RHEL:    sudo dnf install ${fedora}`,
    `  conda:           conda install -c conda-forge ${conda}`,
  ].join('\n');
}
