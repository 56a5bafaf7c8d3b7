import { expect } from 'chai';
import { clusterFromEnvironment, expandHostList } from './clusterEnvironment.js';

describe('the cluster that the environment describes', () => {
  const config = (task: object, cluster: object = { worker: ['a:1', 'b:2'] }) => JSON.stringify({ cluster, task });

  it('is none where nothing is said', () => {
    expect(clusterFromEnvironment({})).to.equal(undefined);
    expect(clusterFromEnvironment({ SLURM_NTASKS: '4', SLURM_JOB_ID: '7' })).to.equal(undefined);
    expect(clusterFromEnvironment({ SLURM_STEP_NUM_TASKS: '1' })).to.equal(undefined);
  });

  it('is that of REFCONV_CLUSTER before that of TF_CONFIG', () => {
    const TF_CONFIG = config({ type: 'worker', index: 0 });
    expect(clusterFromEnvironment({ TF_CONFIG })).to.deep.equal({ task: 0, addresses: ['a:1', 'b:2'] });
    const REFCONV_CLUSTER = config({ type: 'worker', index: 1 }, { worker: ['c:3', 'd:4'] });
    expect(clusterFromEnvironment({ TF_CONFIG, REFCONV_CLUSTER })).to.deep.equal({
      task: 1,
      addresses: ['c:3', 'd:4'],
    });
  });

  it('counts a chief as the first task', () => {
    const cluster = { chief: ['a:1'], worker: ['b:2', 'c:3'] };
    const of = (task: object) => clusterFromEnvironment({ TF_CONFIG: config(task, cluster) });
    expect(of({ type: 'chief', index: 0 })).to.deep.equal({ task: 0, addresses: ['a:1', 'b:2', 'c:3'] });
    expect(of({ type: 'worker', index: 1 })?.task).to.equal(2);
  });

  it('says what it was given where it cannot be understood', () => {
    expect(() => clusterFromEnvironment({ REFCONV_CLUSTER: '{"cluster"' })).to.throw(
      /REFCONV_CLUSTER cannot be used.*given \{"cluster"/,
    );
    const TF_CONFIG = config({ type: 'ps', index: 0 });
    expect(() => clusterFromEnvironment({ TF_CONFIG })).to.throw(/TF_CONFIG cannot be used.*task\.type/);
  });

  const step = {
    SLURM_STEP_NUM_TASKS: '5',
    SLURM_STEP_NODELIST: 'node[01-02],gpu5',
    SLURM_STEP_TASKS_PER_NODE: '2(x2),1',
    SLURM_PROCID: '3',
    SLURM_JOB_ID: '10',
  };

  it('is that of a step of Slurm, with ports by the job', () => {
    expect(clusterFromEnvironment(step)).to.deep.equal({
      task: 3,
      addresses: ['node01:12928', 'node01:12929', 'node02:12928', 'node02:12929', 'gpu5:12928'],
    });
  });

  it('takes the ports that Slurm reserved', () => {
    const SLURM_STEP_RESV_PORTS = '15000-15001';
    const ports = clusterFromEnvironment({ ...step, SLURM_STEP_RESV_PORTS })?.addresses.map((a) => a.split(':')[1]);
    expect(ports).to.deep.equal(['15000', '15001', '15000', '15001', '15000']);
  });

  it('refuses a step whose variables contradict each other or are missing', () => {
    expect(() => clusterFromEnvironment({ ...step, SLURM_STEP_NUM_TASKS: '4' })).to.throw(
      /4 tasks, and 5 by SLURM_STEP_NODELIST/,
    );
    expect(() => clusterFromEnvironment({ ...step, SLURM_STEP_NODELIST: '' })).to.throw(
      /SLURM_STEP_NODELIST is missing/,
    );
  });

  it('expands lists of nodes', () => {
    expect(expandHostList('node[01-03,07],gpu5,r[1-2]n[08-09]')).to.deep.equal([
      ...['node01', 'node02', 'node03', 'node07', 'gpu5'],
      ...['r1n08', 'r1n09', 'r2n08', 'r2n09'],
    ]);
    expect(expandHostList('a')).to.deep.equal(['a']);
  });
});
