/** Keeps the architecture: packages depend on each other one way, and only `tensorflow` on tfjs-node. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('..', import.meta.url));

const PACKAGES = [
  'files',
  'layers',
  'weights',
  'refconv',
  'backbones',
  'segmentation',
  'detection',
  'tensorflow',
  'datasets',
  'training',
  'analysis',
  'export',
];

/** What each workspace may depend on within the project. */
const MAY_USE = {
  files: [],
  tensorflow: ['files'],
  datasets: ['files'],
  layers: [],
  weights: ['layers'],
  refconv: ['files', 'layers', 'weights'],
  backbones: ['files', 'layers', 'weights'],
  segmentation: ['files', 'layers', 'weights', 'refconv', 'backbones', 'training'],
  detection: ['files', 'layers', 'weights', 'refconv', 'backbones', 'datasets', 'training'],
  training: ['files', 'layers', 'weights', 'refconv', 'backbones', 'tensorflow', 'datasets'],
  analysis: ['files', 'layers', 'weights', 'refconv', 'backbones', 'tensorflow', 'datasets'],
  export: ['files', 'layers', 'weights', 'refconv', 'backbones', 'detection', 'tensorflow', 'training'],
  runs: PACKAGES,
  examples: PACKAGES,
  experiments: [...PACKAGES, 'runs', 'cli'],
  reports: [...PACKAGES, 'runs'],
  start: [...PACKAGES, 'runs', 'reports'],
  cli: [...PACKAGES, 'runs', 'reports'],
  docs: [],
  faults: ['files', 'weights', 'backbones', 'tensorflow', 'datasets', 'training', 'runs', 'reports'],
  bench: PACKAGES.filter((name) => name !== 'export'),
};

const folders = [
  ...readdirSync(`${root}packages`).map((name) => `packages/${name}`),
  ...JSON.parse(readFileSync(`${root}package.json`, 'utf8')).workspaces.filter((name) => !name.includes('*')),
];

/** A workspace's modules, without its tests. */
const sourcesOf = (folder) =>
  readdirSync(`${root}${folder}/src`, { recursive: true })
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|(^|\/)testing(\/|\.ts$)/.test(file))
    .map((file) => `${folder}/src/${file}`);

describe('the architecture', () => {
  for (const folder of folders) {
    const manifest = JSON.parse(readFileSync(`${root}${folder}/package.json`, 'utf8'));
    const name = manifest.name.replace('@refconv/', '');
    // A package's tests may use the engine: devDependencies are free.
    const used = Object.keys(manifest.dependencies ?? {});

    it(`lets ${name} depend on what lies below it alone`, () => {
      expect(MAY_USE, `a new package needs a row in ${import.meta.url.split('/').pop()}`).to.have.property(name);
      const own = used.filter((other) => other.startsWith('@refconv/')).map((other) => other.replace('@refconv/', ''));
      expect(own.filter((other) => !MAY_USE[name].includes(other))).to.deep.equal([]);
    });

    it(`${name === 'tensorflow' ? 'lets' : 'keeps'} tfjs-node ${name === 'tensorflow' ? 'into' : 'out of'} ${name}`, () => {
      expect(used.some((other) => other.startsWith('@tensorflow/tfjs-node'))).to.equal(name === 'tensorflow');
    });
  }

  it('keeps Node out of refconv and backbones, which take of packages/files its registry alone', () => {
    for (const name of ['refconv', 'backbones'])
      for (const file of sourcesOf(`packages/${name}`)) {
        const imports = [
          ...readFileSync(`${root}${file}`, 'utf8').matchAll(/from '((?:node:|@refconv\/files)[^']*)'/g),
        ];
        expect(imports.filter(([, from]) => from !== '@refconv/files/registry').map(String), file).to.deep.equal([]);
      }
  });

  it('reads files through packages/files, which no FIFO, device or endless file in their place keeps waiting', () => {
    // Its own parts, files of the system, and what hands a descriptor of openFileSync on.
    const MAY_READ = [
      ...['packages/files/', 'packages/tensorflow/', 'faults/', 'bench/', 'examples/'],
      ...['packages/weights/src/file.ts', 'packages/datasets/src/image/kernels.ts', 'packages/runs/src/resultFile.ts'],
    ];
    const reading = /\breadFile(Sync)?\(|\bcreateReadStream\((?!.*openFileSync)/;
    const sources = folders.filter((folder) => existsSync(`${root}${folder}/src`)).flatMap(sourcesOf);
    const others = sources.filter((file) => !MAY_READ.some((own) => file.startsWith(own)));
    expect(others.length).to.be.above(100);
    expect(
      others.filter((file) => reading.test(readFileSync(`${root}${file}`, 'utf8').replaceAll(/\s+/g, ' '))),
    ).to.deep.equal([]);
  });

  it('leaves the process to programs: a library returns, tells what happens through `log`, and is given a signal', () => {
    // What is started as a process of its own, and what the environment or the caller asks for by name.
    const PROGRAMS = [
      ...['tensorflow/src/doctor/main.ts', 'tensorflow/src/doctor/probe.ts', 'tensorflow/src/setup/command.ts'],
      ...[
        'tensorflow/src/kernels/testingThreads.ts',
        'tensorflow/src/setup/binding.ts',
        'analysis/src/measurement/serve.ts',
        'cli/src/',
      ],
      ...['runs/src/worker.ts', 'runs/src/slurmTask.ts', 'tensorflow/src/inspection.ts', 'training/src/stop.ts'],
    ].map((path) => `packages/${path}`);
    const owning =
      /\bprocess\.(exitCode\b|exit\(|on\(|once\(|stdout\.write|stderr\.write)|(?<!log = |log = \(line\) => |log: \(line\) => )\bconsole\.(log|error|warn)\(/;
    const withoutComments = (text) => text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    const libraries = folders.filter((folder) => folder.startsWith('packages/')).flatMap(sourcesOf);
    expect(
      libraries.filter(
        (file) =>
          !PROGRAMS.some((own) => file.startsWith(own)) &&
          owning.test(withoutComments(readFileSync(`${root}${file}`, 'utf8'))),
      ),
    ).to.deep.equal([]);
  });
});
