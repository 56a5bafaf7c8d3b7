/**
 * A real Slurm for a test: munged, slurmctld and a slurmd for each node, all on this host, with configuration, ports, key and state of their own in
 * a folder. Other Slurms of the host are not touched.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@refconv/tensorflow/launch';
import { $, which } from 'zx';

/** Why no Slurm can be started here; undefined where one can. */
export async function noSlurm(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a Slurm of its own needs root on Linux';
  for (const command of ['slurmctld', 'slurmd', 'munged', 'sbatch', 'setpriv']) {
    if (!(await which(command, { nothrow: true }))) return `${command} is not installed (Debian: slurm-wlm)`;
  }
  return undefined;
}

export interface PrivateSlurm {
  /** Runs a command of Slurm's and gives what it prints. */
  call(command: string, ...args: string[]): Promise<string>;
  /** Ends all jobs and daemons. */
  stop(): Promise<void>;
}

/**
 * Starts it, and has this process's environment point to it.
 * @param folder which must be empty, and is not removed.
 * @param nodes their number; one alone has the name of an address.
 * @param cpus of each node, which takes as many tasks of one CPU at a time.
 */
export async function startSlurm(folder: string, nodes: number, cpus = 1): Promise<PrivateSlurm> {
  const names = nodes === 1 ? ['localhost'] : Array.from({ length: nodes }, (_, i) => `n${i}`);
  const conf = join(folder, 'slurm.conf');
  await mkdir(join(folder, 'state'), { recursive: true });
  for (const name of names) await mkdir(join(folder, `spool.${name}`));
  await writeFile(join(folder, 'munge.key'), randomBytes(1024));
  await chmod(join(folder, 'munge.key'), 0o600);
  await writeFile(conf, configuration(folder, names, cpus, await freePorts(nodes + 1)));
  await writeFile(join(folder, 'cgroup.conf'), `CgroupPlugin=${await cgroupPlugin()}\n`);

  const daemons: { ended: Promise<unknown>; kill: (signal: NodeJS.Signals) => boolean }[] = [];
  const start = async (name: string, ...command: string[]) => {
    const output = await open(join(folder, `${name}.out`), 'a');
    // So that they end with this process, however it ends.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      stdio: ['ignore', output.fd, output.fd],
      env: { ...process.env, SLURM_CONF: conf },
    });
    await output.close();
    daemons.push({ ended: once(child, 'exit'), kill: (signal) => child.kill(signal) });
  };
  let up = false;
  const slurm: PrivateSlurm = {
    async call(command, ...args) {
      const env = { ...process.env, SLURM_CONF: conf };
      const { stdout } = await $({ quiet: true, timeout: '90s', env })`${command} ${args}`;
      return stdout.trim();
    },
    async stop() {
      if (up) {
        await slurm.call('scancel', '--user=root').catch(() => undefined);
        for (let i = 0; i < 50 && (await slurm.call('squeue', '--noheader').catch(() => '')); i++) await sleep(200);
      }
      for (const { kill } of daemons) kill('SIGTERM');
      await Promise.race([Promise.all(daemons.map(({ ended }) => ended)), sleep(5000)]);
      for (const { kill } of daemons) kill('SIGKILL');
      for (const pid of await processesOf(conf)) process.kill(pid, 'SIGKILL');
      if (process.env.SLURM_CONF === conf) delete process.env.SLURM_CONF;
    },
  };
  try {
    const munge = { 'key-file': 'munge.key', socket: 'munge.socket', 'seed-file': 'munged.seed' };
    const places = Object.entries(munge).map(([option, file]) => `--${option}=${join(folder, file)}`);
    // By force, as others cannot get into a temporary folder.
    await start('munged', 'munged', '--foreground', '--force', `--pid-file=${join(folder, 'munged.pid')}`, ...places);
    await start('slurmctld', 'slurmctld', '-D');
    for (const name of names) await start(name, 'slurmd', '-D', '-N', name);
    const begin = performance.now();
    const idle = () => slurm.call('sinfo', '--noheader', '--Node', '--partition=main', '--format=%T').catch(() => '');
    while ((await idle()) !== names.map(() => 'idle').join('\n')) {
      if (performance.now() - begin > 60_000)
        throw new Error(`The private Slurm did not start:\n${await logs(folder)}`);
      await sleep(200);
    }
  } catch (error) {
    await slurm.stop();
    throw error;
  }
  up = true;
  process.env.SLURM_CONF = conf;
  return slurm;
}

function configuration(folder: string, names: string[], cpus: number, [own, ...ports]: number[]): string {
  const host = hostname();
  const nodes = names.map((name, i) => {
    return `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[i]} CPUs=${cpus} RealMemory=${4096 * cpus}`;
  });
  return `
ClusterName=private
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${own}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.socket
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool.%n
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.%n.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=30
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
${nodes.join('\n')}
PartitionName=main Nodes=${names.join()} Default=YES PriorityTier=1
PartitionName=urgent Nodes=${names.join()} PriorityTier=2 PreemptMode=OFF
`;
}

/** A plugin that does nothing here: the one so called from version 23.02 on, before that one that waits to be used. */
async function cgroupPlugin(): Promise<string> {
  const [, year] = /(\d+)\.\d+/.exec((await $({ quiet: true })`slurmctld -V`).stdout) ?? [];
  return Number(year) >= 23 ? 'disabled' : 'cgroup/v1';
}

/** Processes that were started with this configuration: steps, and jobs that outlived them. */
async function processesOf(conf: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(`SLURM_CONF=${conf}`) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

async function logs(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.out'));
  const texts = await Promise.all(files.map(async (file) => `${file}:\n${await readFile(join(folder, file), 'utf8')}`));
  return texts.join('\n');
}
