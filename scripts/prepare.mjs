// Makes a checkout ready: npm's packages, the compiled TypeScript, TensorFlow. Does only what is missing, so that it can run
// before every command. Two at the same time in one checkout take turns. With --without-tensorflow the last step is left out:
// the doctor is to look before anything is set up.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lockFile = join(root, '.turbo', 'prepare.lock');
const stampFile = join(root, 'node_modules', '.refconv-installed');

/** A lock that has not been touched for so long was left by a killed process. */
const STALE_MS = 15_000;
const REFRESH_MS = 3_000;

const say = (line) => process.stderr.write(`prepare: ${line}\n`);

class Failure extends Error {}

/** The program that runs now. */
let current;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(name, () => {
    current?.kill(name);
    process.exit(1);
  });
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Failure(`Node ${process.versions.node} is too old: 20.19 or later is needed (https://nodejs.org).`);
  }
}

/** Runs a program; what it writes is shown only if it fails. */
function run(program, args, env = {}) {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] };
    const child = spawn(program, args, options);
    current = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.once('error', (error) => reject(new Failure(`${program} cannot be run: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve();
      process.stderr.write(output);
      reject(new Failure(`${program} ${args.join(' ')} failed (${signal ?? `exit status ${code}`}); see above.`));
    });
  });
}

/** Takes the lock, waiting for another process that holds it; returns a function that gives it back. */
async function takeLock() {
  mkdirSync(join(root, '.turbo'), { recursive: true });
  for (let waiting = false; ; waiting = true) {
    try {
      writeFileSync(lockFile, `process ${process.pid} on ${hostname()}`, { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const state = statSync(lockFile, { throwIfNoEntry: false });
    if (state && Date.now() - state.mtimeMs > STALE_MS) rmSync(lockFile, { force: true });
    else if (!waiting) say(`another one is at work in this checkout (${readIfThere(lockFile)}): waiting for it`);
    await sleep(300);
  }
  const refresh = setInterval(() => {
    // Gone if this process slept for so long (a suspended laptop) that another took the lock over and has finished.
    if (existsSync(lockFile)) utimesSync(lockFile, new Date(), new Date());
  }, REFRESH_MS);
  const release = () => {
    clearInterval(refresh);
    process.off('exit', release);
    rmSync(lockFile, { force: true });
  };
  process.once('exit', release);
  return release;
}

const readIfThere = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** Runs `npm ci` unless node_modules is what package-lock.json says. */
async function installPackages() {
  const lock = join(root, 'package-lock.json');
  const hash = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (readIfThere(stampFile) === hash) return;
  // npm writes this file when it has finished: somebody may have run it by hand.
  const byHand = statSync(join(root, 'node_modules', '.package-lock.json'), { throwIfNoEntry: false });
  if (!byHand || byHand.mtimeMs < statSync(lock).mtimeMs) {
    say('installing npm packages');
    // The npm that runs this script, if one does.
    const npm = process.env.npm_execpath;
    if (npm?.endsWith('npm-cli.js')) await run(process.execPath, [npm, 'ci']);
    else await run('npm', ['ci']);
  }
  writeFileSync(stampFile, hash);
}

async function build() {
  const turbo = join(root, 'node_modules', '.bin', 'turbo');
  // Nothing is said where all is compiled already, which takes a second or two.
  const slow = setTimeout(() => say('compiling the TypeScript'), 5_000);
  await run(turbo, ['run', 'build', '--output-logs=errors-only'], {
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
  }).finally(() => clearTimeout(slow));
}

/** Has its own lock, since its cache belongs to more than this checkout, and its own lines on stderr. */
async function setUpTensorFlow() {
  const script = join(root, 'packages', 'tensorflow', 'dist', 'setup', 'main.js');
  const child = spawn(process.execPath, [script], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  current = child;
  const [code] = await new Promise((resolve) => child.once('close', (...result) => resolve(result)));
  if (code !== 0) throw new Failure('TensorFlow could not be set up; see above. `npm run doctor` tells more.');
}

try {
  checkNode();
  const release = await takeLock();
  try {
    await installPackages();
    await build();
  } finally {
    release();
  }
  if (!process.argv.includes('--without-tensorflow')) await setUpTensorFlow();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  say(error.message);
  process.exitCode = 1;
}
