/** What becomes of jobs where Slurm answers late, or not at all. */
import { expect } from 'chai';
import type { Grid } from './grid.js';
import { planGrid } from './grid.js';
import { submit } from './slurm.js';
import { cancelJobs, requeue, submittedJobs, writeJobs } from './slurmJobs.js';
import { gridStatus, statusText } from './status.js';
import { standInForSlurm, TIMED_OUT } from './testing/slurmStandIn.js';
import { temporaryFolder, tinyGrid } from './testing/tiny.js';

describe('where Slurm does not answer', () => {
  const at = temporaryFolder();

  async function scene(name: string) {
    const slurm = standInForSlurm(at(`${name}-bin`));
    const grid = tinyGrid(name, [1]);
    await planGrid(at(name), grid);
    const called = (command: string) => slurm.calls().filter((call) => call.startsWith(`${command} `));
    return { ...slurm, called, grid, root: at(name) };
  }
  const failure = (root: string, grid: Grid) =>
    submit(root, grid, {}).then(
      () => 'submitted',
      (error: Error) => error.message,
    );

  it('submits nothing a second time, and keeps the numbers of the first', async () => {
    const { set, called, grid, root } = await scene('twice');
    set('squeue', TIMED_OUT);
    await submit(root, grid, {});
    expect(called('sbatch')).to.have.lengthOf(2);
    expect(await failure(root, grid)).to.match(
      /queue could not be read: .*timed out.* jobs 101, 102 .*nothing is submitted/,
    );
    expect(called('sbatch')).to.have.lengthOf(2);
    await cancelJobs(root, grid.name);
    expect(called('scancel')).to.deep.equal(['scancel 101 102']);

    set('squeue', 'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1');
    await submit(root, grid, {});
    expect(called('sbatch')).to.have.lengthOf(4);
  });

  it('says in the status that the queue could not be read', async () => {
    const { set, grid, root } = await scene('status');
    set('squeue', TIMED_OUT);
    expect(statusText(grid, await gridStatus(root, grid))).to.equal('status: 3 runs: 3 waiting'); // nothing was submitted
    await submit(root, grid, {});
    const rows = await gridStatus(root, grid);
    expect(rows.map(({ queueUnknown }) => queueUnknown))
      .to.have.lengthOf(3)
      .and.not.include(undefined);
    expect(statusText(grid, rows)).to.match(
      /3 waiting\nSlurm's queue could not be read: .*timed out.* is not known\.$/,
    );
    expect(statusText(grid, rows, { all: true, height: 5 }).split('\n')).to.have.lengthOf(5);
  });

  it('cancels a job that it took without saying so', async () => {
    const { set, called, grid, root } = await scene('taken');
    set('sbatch', `[ $n = 2 ] && { ${TIMED_OUT}; }; echo $(( 100 + n ))`);
    set('squeue', 'case "$*" in *--name=taken-1-*) echo "102_0|PENDING|Dependency";; esac');
    expect(await failure(root, grid)).to.match(/timed out.* has taken the job all the same, as 102.* is cancelled/);
    expect(called('scancel')).to.deep.equal(['scancel 101 102']);
  });

  it('forgets no job that it may take later', async () => {
    const { set, called, grid, root } = await scene('later');
    set('sbatch', `[ $n = 2 ] && { ${TIMED_OUT}; }; echo $(( 100 + n ))`);
    for (const answer of ['', TIMED_OUT]) {
      set('squeue', answer);
      const message = await failure(root, grid);
      expect(message).to.match(/Whether Slurm takes the job later-1-\w+ is not known/);
      expect(message).not.to.contain('nothing is submitted');
      // It arrives; and the same where a process was killed before it wrote the number down.
      set('squeue', 'case "$*" in *--name=later-1-*) echo "102_0|PENDING|Dependency";; esac');
      expect(await failure(root, grid)).to.contain("1 tasks of later are in Slurm's queue already");
      await cancelJobs(root, grid.name);
      expect(called('scancel').at(-1)).to.match(/^scancel --name=later-1-\w+$/);
      await writeJobs(root, grid.name, []);
      set('sbatch', `[ $n = 4 ] && { ${TIMED_OUT}; }; echo $(( 100 + n ))`);
    }
  });

  it('says where jobs could not be cancelled', async () => {
    const { set, called, grid, root } = await scene('stays');
    set('scancel', TIMED_OUT);
    set('sbatch', '[ $n = 2 ] && { echo "invalid partition" >&2; exit 1; }; echo $(( 100 + n ))');
    expect(await failure(root, grid)).to.match(/invalid partition.*The jobs 101.* could not be cancelled: .*timed out/);
    const error = await cancelJobs(root, grid.name).catch((thrown: Error) => thrown.message);
    expect(error).to.match(/Its jobs 101.* could not be taken out of Slurm's queue: .*timed out/);
    set('scancel', 'echo "scancel: error: Kill job error on job id 101: Invalid job id specified" >&2; exit 1');
    await cancelJobs(root, grid.name);
    expect(called('scancel').filter((call) => call === 'scancel 101')).to.have.lengthOf(3);
  });

  it('finds the number among what else sbatch prints, and the job where it prints none', async () => {
    const { set, grid, root } = await scene('printed');
    set('sbatch', 'echo "Welcome to the cluster"; echo "$(( 100 + n ));cluster"');
    await submit(root, grid, {});
    expect((await submittedJobs(root, grid.name)).map(({ id }) => id)).to.deep.equal(['101', '102']);
    set('sbatch', 'echo "Submitted"');
    set('squeue', 'case "$*" in *--name*) echo "103_0|PENDING|Priority";; esac');
    expect(await failure(root, grid)).to.match(/no job's number, but 'Submitted'.* as 103/);
  });

  it('asks it again before a task that was told to stop gives up', async () => {
    const { set, called } = await scene('requeue');
    set('squeue', `[ $n = 1 ] && { ${TIMED_OUT}; }; echo RUNNING`);
    set('scontrol', `[ $n = 1 ] && { ${TIMED_OUT}; }; exit 0`);
    await requeue('12_3', { wait: 0 });
    expect(called('scontrol')).to.deep.equal(['scontrol requeue 12_3', 'scontrol requeue 12_3']);
    set('squeue', TIMED_OUT);
    const error = await requeue('12_3', { wait: 0 }).catch((thrown: Error) => thrown.message);
    expect(error).to.match(/12_3 .* could not be put into the queue again: .*timed out.*start the grid again/);
    set('squeue', 'echo COMPLETING');
    await requeue('12_3', { wait: 0 });
    expect(called('scontrol')).to.have.lengthOf(2);
  });
});
