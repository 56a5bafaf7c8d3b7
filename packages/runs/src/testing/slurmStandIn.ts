/** Commands in the place of Slurm's, to answer as those of a cluster do whose controller is too busy. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const TIMED_OUT = 'echo "slurm_load_jobs error: Socket timed out on send/recv operation" >&2; exit 1';

export interface StandIn {
  /** The calls so far: the command and its arguments. */
  calls(): string[];
  /** Gives a command another body in bash; `$n` is the number of this call of it. */
  set(command: string, body: string): void;
}

/** Puts the commands first on the PATH, until the test is over. By default sbatch takes each job, from 101 on, and no other command says anything. */
export function standInForSlurm(folder: string): StandIn {
  mkdirSync(folder, { recursive: true });
  const log = join(folder, 'log');
  writeFileSync(log, '');
  const { PATH = '' } = process.env;
  process.env.PATH = `${folder}${delimiter}${PATH}`;
  after(() => {
    process.env.PATH = PATH;
  });
  const set = (command: string, body: string) => {
    const script = `#!/bin/bash\necho "${command} $*" >> "${log}"\nn=$(grep -c "^${command} " "${log}")\n${body}\n`;
    writeFileSync(join(folder, command), script);
    chmodSync(join(folder, command), 0o755);
  };
  for (const command of ['scontrol', 'squeue', 'scancel']) set(command, '');
  set('sbatch', 'echo $(( 100 + n ))');
  return { calls: () => readFileSync(log, 'utf8').split('\n').filter(Boolean), set };
}
