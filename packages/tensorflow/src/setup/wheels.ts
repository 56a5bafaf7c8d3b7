/** TensorFlow out of Python wheels: pip downloads and verifies, a small script takes out what is needed. */
import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from './errors.js';
import { filesEnding, packageFolder } from './paths.js';
import type { WheelSource } from './plan.js';
import { diskFull, lastLines, run } from './run.js';

const SCRIPT = join(packageFolder, 'wheels', 'wheels.py');

/** Which wheels pip is to take, whatever Python it runs under: those for CPython 3.11 on Linux x86-64. */
const TARGET = [
  ...['--implementation', 'cp', '--abi', 'cp311', '--python-version', '3.11'],
  ...['manylinux_2_27', 'manylinux_2_25', 'manylinux2014', 'manylinux2010'].flatMap((name) => [
    '--platform',
    `${name}_x86_64`,
  ]),
];

/**
 * Downloads the wheels with the user's pip, by its own settings (index, proxy, certificates), and unpacks the needed parts.
 * @param folder gets the parts, in the wheels' own layout
 * @param temporary for what need not stay
 * @throws SetupError if a download fails, a wheel is not the one that is expected, or the disk is full
 */
export async function fetchWheels(
  source: WheelSource,
  folder: string,
  temporary: string,
  signal: AbortSignal,
): Promise<void> {
  const downloads = join(temporary, 'wheels');
  await mkdir(downloads, { recursive: true });
  // pip collects a download in TMPDIR, which is often too small for half a gigabyte. That it shall only be used inside a
  // virtual environment, as some people's settings say, is about installing, which is not done here.
  const env = { ...process.env, TMPDIR: temporary, PIP_REQUIRE_VIRTUALENV: '0' };
  const options = { env, signal };
  const parent = String(process.pid);

  const quiet = ['--quiet', '--no-input', '--no-cache-dir', '--disable-pip-version-check', '--progress-bar', 'off'];
  const what = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--requirement', source.requirements];
  const download = ['download', parent, ...quiet, ...what, ...TARGET, '--dest', downloads];
  const pip = await run('python3', [SCRIPT, ...download], options);
  if (pip.code !== 0) throw diskFull(pip.output, folder) ?? wrongHash(pip.output) ?? downloadFailed(pip.output);

  const unpack = ['extract', parent, folder, source.keep.join(','), ...filesEnding(downloads, '.whl')];
  const extraction = await run('python3', [SCRIPT, ...unpack], options);
  if (extraction.code !== 0) {
    throw (
      diskFull(extraction.output, folder) ??
      new SetupError(
        `TensorFlow's wheels could not be unpacked:\n${lastLines(extraction.output, 5)}`,
        'Try again. If it happens again, look at the disk and at the Python that python3 names.',
      )
    );
  }
  // cuDNN's own run path names the folder nvrtc, but the wheel with that library calls it cuda_nvrtc.
  const nvidia = join(folder, 'nvidia');
  if (existsSync(join(nvidia, 'cuda_nvrtc'))) await symlink('cuda_nvrtc', join(nvidia, 'nvrtc'));
}

/** pip's report that a wheel has another hash than the requirement file says. */
function wrongHash(output: string): SetupError | undefined {
  const report = /DO NOT MATCH THE HASHES[\s\S]*?\n\s*(\S[^\n]*?):\n\s*Expected sha256 (\w+)\n\s*Got\s+(\w+)/.exec(
    output,
  );
  if (!report) return undefined;
  const [, wheel, expected, got] = report;
  return new SetupError(
    `Wrong checksum: ${wheel}\n  expected sha256 ${expected}\n  got      sha256 ${got}\nNothing of it was unpacked or kept.`,
    'Either the package index (or a mirror or proxy between) served another file than the one this version was made with, ' +
      'by mistake or on purpose, or a local wheel was found first. Check pip config list and the PIP_ variables; try another ' +
      'network or index.',
  );
}

function downloadFailed(output: string): SetupError {
  return new SetupError(
    `pip could not download TensorFlow. Its last lines:\n${lastLines(output)}`,
    'Check the network, and the proxy and index that pip uses (HTTPS_PROXY, PIP_INDEX_URL, pip config list). For a machine ' +
      'without a network: fetch the wheels that the folder wheels/ of this package lists on another one, and set PIP_NO_INDEX=1 ' +
      'and PIP_FIND_LINKS=FOLDER.',
  );
}
