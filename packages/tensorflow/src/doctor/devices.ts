/** TensorFlow's devices, and why a GPU is not among them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nvidiaDriver } from '../setup/environment.js';
import type { Installation } from '../setup/index.js';
import { lastLines, run } from '../setup/run.js';
import type { Device, Problem, Report } from './report.js';

const TIMEOUT_MS = 120_000;
/** The first driver that runs programs of every CUDA 12. */
const OLDEST_DRIVER = 525;

/** Loads TensorFlow in a process of its own and asks for its devices. */
export async function probeDevices(
  installation: Installation,
): Promise<{ devices: Device[]; log: string; problem?: Problem }> {
  const probe = fileURLToPath(new URL('./probe.js', import.meta.url));
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0', TF_FORCE_GPU_ALLOW_GROWTH: 'true' };
  const failed = (why: string): Problem => ({
    severity: 'error',
    message: `TensorFlow ${installation.version} does not work: ${why}`,
    remedy: `Delete the folder of its add-ons and of its libraries (${installation.libraryFolder}) to have it set up anew.`,
  });
  try {
    const result = await run(process.execPath, [probe, installation.graphBinding], {
      env,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (result.code === 0) return { devices: JSON.parse(result.stdout) as Device[], log: result.output };
    const end = result.signal ? `ended by ${result.signal}` : `exit status ${result.code}`;
    return { devices: [], log: result.output, problem: failed(`${end}\n${lastLines(result.output)}`) };
  } catch {
    return { devices: [], log: '', problem: failed(`no answer within ${TIMEOUT_MS / 1000} s`) };
  }
}

/** The NVIDIA driver, if there is a sign of one. */
export function findDriver(): Report['gpu']['driver'] {
  const foundAt = nvidiaDriver();
  if (!foundAt) return undefined;
  try {
    return { foundAt, version: /\s(\d{3,}\.[\d.]+)\s/.exec(readFileSync('/proc/driver/nvidia/version', 'utf8'))?.[1] };
  } catch {
    return { foundAt, version: undefined };
  }
}

/** The warning for an NVIDIA driver whose GPUs TensorFlow does not use, with the reason as far as it can be told. */
export function unusedGpu(
  driver: NonNullable<Report['gpu']['driver']>,
  installation: Installation,
  log: string,
): Problem {
  const message = `An NVIDIA driver is here (${driver.foundAt}), but TensorFlow does NOT use a GPU. Training will be many times slower.`;
  const because = (reason: string, remedy: string): Problem => ({
    severity: 'warning',
    message: `${message} Reason: ${reason}`,
    remedy,
  });
  if (installation.flavour === 'cpu') {
    return because('TensorFlow for CPUs is set up, because REFCONV_TENSORFLOW is cpu.', 'Unset it or set it to cuda.');
  }
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined && !/^\d|^GPU|^MIG/.test(visible)) {
    return because(`CUDA_VISIBLE_DEVICES is "${visible}", which hides every GPU.`, 'Unset it.');
  }
  if (driver.version && Number.parseInt(driver.version, 10) < OLDEST_DRIVER) {
    return because(
      `the driver is version ${driver.version}; CUDA 12 needs ${OLDEST_DRIVER} or later.`,
      "Update the driver, or set REFCONV_TENSORFLOW=prebuilt (CUDA 11.2, for which CUDA's libraries must be installed).",
    );
  }
  const lines = log.split('\n').filter((line) => /cuda|cuInit|gpu|dlopen|libcu/i.test(line));
  const said = lines.length > 0 ? `TensorFlow says:\n${lastLines(lines.join('\n'), 6)}` : 'TensorFlow does not say.';
  return because(
    said,
    'Check that nvidia-smi lists a GPU here (in a container: that it was started with its GPUs, --gpus all; on a cluster: that the ' +
      'job asked for one), and that no other CUDA is found first by LD_LIBRARY_PATH.',
  );
}
