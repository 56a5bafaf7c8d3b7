// `npm run test:processors`: the tests as on other processors. Narrowed instruction sets, other kernels and another number of threads
// change the order of sums, and so the last bits of every result; no test may hang on them. Long: 10 to 30 minutes a setting.
// Options: --settings NAME,NAME and --packages NAME,NAME (default: all).
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

/** ONEDNN_MAX_CPU_ISA is oneDNN's own; REFCONV_MARCH compiles our kernels anew. Neither reaches beyond this processor. */
const SETTINGS = {
  full: {},
  sse41: { ONEDNN_MAX_CPU_ISA: 'SSE41', REFCONV_MARCH: 'x86-64-v2' },
  avx: { ONEDNN_MAX_CPU_ISA: 'AVX', REFCONV_MARCH: 'sandybridge' },
  avx2: { ONEDNN_MAX_CPU_ISA: 'AVX2', REFCONV_MARCH: 'x86-64-v3' },
  'no-own-kernels': { REFCONV_CPU_KERNELS: '0' },
  'no-onednn': { TF_ENABLE_ONEDNN_OPTS: '0' },
  '1-thread': { TF_NUM_INTRAOP_THREADS: '1' },
  '2-threads': { TF_NUM_INTRAOP_THREADS: '2' },
};

/** The names that an option lists. */
function chosen(option, value, all) {
  const names = value?.split(',') ?? all;
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length === 0) return names;
  process.stderr.write(`--${option}: no '${unknown.join()}'. There are ${all.join(', ')}.\n`);
  process.exit(2);
}

function run(program, args, { cwd = root, env = {} } = {}) {
  const options = { cwd, env: { ...process.env, ...env }, encoding: 'utf8', maxBuffer: 2 ** 28 };
  const { status, stdout, stderr, error } = spawnSync(program, args, options);
  return { passed: status === 0, stdout, output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` };
}

const { values } = parseArgs({ options: { settings: { type: 'string' }, packages: { type: 'string' } } });
const workspaces = new Map(
  JSON.parse(run('npm', ['query', '.workspace']).stdout)
    .filter(({ scripts }) => scripts?.test)
    .map(({ name, location }) => [name.replace('@refconv/', ''), location]),
);
const packages = chosen('packages', values.packages, [...workspaces.keys()]);
const failed = [];
for (const setting of chosen('settings', values.settings, Object.keys(SETTINGS))) {
  const env = SETTINGS[setting];
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  console.log(`${setting} ${variables.join(' ')}`);
  const attempt = (name, program, args, cwd) => {
    const begin = Date.now();
    const { passed, output } = run(program, args, { cwd, env });
    const [counts = ''] = output.match(/^\d+ passed, .*$/gm) ?? [];
    console.log(`  ${passed ? 'passed' : 'FAILED'}  ${name}  ${counts}  ${Math.round((Date.now() - begin) / 1000)} s`);
    if (passed) return true;
    console.log(output);
    failed.push(`${setting}: ${name}`);
    return false;
  };
  if (!attempt('set-up', process.execPath, ['scripts/prepare.mjs'])) continue;
  for (const name of packages) attempt(name, 'npm', ['test'], workspaces.get(name));
}
console.log(failed.length === 0 ? 'All passed.' : `Failed:\n${failed.map((line) => `  ${line}`).join('\n')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
