import { SetupError, StoppedError } from './errors.js';
import { ensureInstallation } from './install.js';
import type { Plan } from './plan.js';

const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * The set-up as a command: says on stderr what it does, cleans up on SIGINT, SIGTERM and SIGHUP, and sets the exit status.
 * @param json whether to print the installation on stdout
 * @param plan what to make; default: what the environment asks for
 */
export async function setupCommand(json: boolean, plan?: Plan): Promise<void> {
  const stop = new AbortController();
  let status = 1;
  for (const [name, code] of Object.entries(STATUS)) {
    process.on(name, () => {
      status = code;
      stop.abort();
    });
  }
  // The one that started it may be gone, and with it the reader of what is said: that is no reason to end halfway.
  process.stderr.on('error', () => undefined);
  const log = (line: string) => process.stderr.write(`tensorflow: ${line}\n`);
  try {
    const installation = await ensureInstallation(log, { signal: stop.signal, ...(plan && { plan }) });
    if (json) process.stdout.write(`${JSON.stringify(installation, undefined, 2)}\n`);
  } catch (error) {
    if (error instanceof SetupError) log(error.text);
    else if (error instanceof StoppedError) log(error.message);
    else throw error;
    process.exitCode = status;
  }
}
