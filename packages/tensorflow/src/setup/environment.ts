/** What the environment asks for: which TensorFlow, and where to keep it. */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { SetupError } from './errors.js';

/** Which TensorFlow is wanted. */
export type Wish = { flavour: 'cpu' | 'cuda' | 'prebuilt' } | { flavour: 'folder'; folder: string };

/**
 * The TensorFlow that `REFCONV_TENSORFLOW` names; without it CUDA's where an NVIDIA driver is present, else the CPU's.
 * @throws SetupError if the value is neither a flavour nor a folder
 */
export function wish(env: NodeJS.ProcessEnv = process.env): Wish {
  const value = env.REFCONV_TENSORFLOW ?? '';
  if (value === '') return { flavour: nvidiaDriver(env) ? 'cuda' : 'cpu' };
  if (value === 'cpu' || value === 'cuda' || value === 'prebuilt') return { flavour: value };
  const folder = resolve(value);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return { flavour: 'folder', folder };
  throw new SetupError(
    `REFCONV_TENSORFLOW is "${value}", which is neither a flavour nor a folder.`,
    'Set it to cpu, cuda, prebuilt (what tfjs-node-gpu itself downloads) or the path of a folder that holds libtensorflow, ' +
      'or unset it: then cuda is taken where an NVIDIA driver is present, else cpu.',
  );
}

/**
 * The instruction sets that our kernels are compiled for, as the compiler's `-march` names them: `REFCONV_MARCH`, else `native`.
 * @throws SetupError if the value cannot be such a name
 */
export function architecture(env: NodeJS.ProcessEnv = process.env): string {
  const value = env.REFCONV_MARCH || 'native';
  if (/^[a-z0-9][a-z0-9._+-]*$/i.test(value)) return value;
  throw new SetupError(
    `REFCONV_MARCH is "${value}", which is no name of a processor or of its level.`,
    "Set it to what the compiler's option -march takes, for example x86-64-v2 or x86-64-v3, or unset it: then the kernels are " +
      'compiled for this processor.',
  );
}

/** The first sign of an NVIDIA driver that is found, or undefined. */
export function nvidiaDriver(env: NodeJS.ProcessEnv = process.env): string | undefined {
  for (const path of ['/proc/driver/nvidia/version', '/dev/nvidia0']) if (existsSync(path)) return path;
  const smi = findProgram('nvidia-smi', env);
  if (smi) return smi;
  // WSL and containers keep the driver's library outside of the folders of the distribution.
  const folders = [
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib64',
    '/usr/lib',
    '/usr/lib/wsl/lib',
    '/usr/local/nvidia/lib64',
  ];
  const listed = (env.LD_LIBRARY_PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...listed, ...folders].map((folder) => join(folder, 'libcuda.so.1')).find((path) => existsSync(path));
}

/** The path of a program on PATH, or undefined. A name with a slash in it is taken as a path. */
export function findProgram(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = name.includes('/') ? [''] : (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Checks that TensorFlow's wheels can run here.
 * @throws SetupError on anything but Linux on x86-64 with glibc
 */
export function checkPlatform(platform: string = process.platform, arch: string = process.arch): void {
  if (platform !== 'linux' || arch !== 'x64') {
    throw new SetupError(
      `TensorFlow is set up for Linux on x86-64 only; this is ${platform} on ${arch}.`,
      'Use a Linux machine, a Linux container (on x86-64) or WSL 2 on Windows. Pointing REFCONV_TENSORFLOW to a libtensorflow ' +
        'for another system does not help: the compilation and linking of the add-ons is written for Linux. The packages that do ' +
        'not need native TensorFlow (layers, refconv, backbones) work with any other TensorFlow.js backend.',
    );
  }
  if (usesMusl()) {
    throw new SetupError(
      "This system's C library is musl (Alpine Linux?); TensorFlow's libraries need glibc 2.27 or later.",
      'Use a distribution with glibc (Debian, Ubuntu, Fedora, …), in a container for example: node:24-bookworm instead of node:24-alpine.',
    );
  }
}

function usesMusl(): boolean {
  return readFileSync('/proc/self/maps', 'utf8').includes('/ld-musl-');
}
