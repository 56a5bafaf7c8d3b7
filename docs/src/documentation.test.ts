/** The guides and the doc comments say what is so: their code compiles, and no public function is without an example. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { blocksIn, type CodeBlock, scriptsOf } from './codeBlocks.js';
import { exportsOf, publicFunctions } from './publicFunctions.js';
import { modulesOf } from './scope.js';
import { problemsOf, programOf } from './typecheck.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GIVEN = join(ROOT, 'docs/given.d.ts');

/** The published packages that can be imported: a folder, and the declarations. */
const PACKAGES = [...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`), 'reports']
  .map((folder) => ({
    folder,
    name: `@refconv/${folder.split('/').at(-1)}`,
    declarations: join(ROOT, folder, 'dist/index.d.ts'),
  }))
  .filter(({ declarations }) => existsSync(declarations));

const PAGES = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
  ...['experiments', 'bench', 'faults', 'start'].map((folder) => `${folder}/README.md`),
  ...PACKAGES.map(({ folder }) => `${folder}/README.md`),
].filter((page) => existsSync(join(ROOT, page)));

/** What is compiled of a page: TypeScript, JavaScript, and the modules in HTML. */
function codeOf(page: string): CodeBlock[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return blocksIn(text, (line) => `${page}:${line}`).flatMap((block) => {
    if (block.language === 'html') return scriptsOf(block);
    return ['ts', 'js'].includes(block.language) ? [block] : [];
  });
}

describe('the documentation', () => {
  let program: ReturnType<typeof programOf>;
  const scopes = new Map<string, ReadonlyMap<string, string>>();
  before(() => {
    program = programOf(PACKAGES.map(({ declarations }) => declarations));
    for (const { folder, name, declarations } of PACKAGES)
      scopes.set(folder, new Map(exportsOf(program, declarations).map((exported) => [exported, name])));
  });

  it('has an example of every public function', () => {
    expect(PACKAGES.length).to.be.above(13);
    const without = PACKAGES.flatMap(({ name, declarations }) => {
      const functions = publicFunctions(program, declarations, name);
      return functions.filter(({ examples }) => examples.length === 0).map((each) => `${name}, ${each.name}`);
    });
    expect(without, 'add an @example to their doc comments').to.deep.equal([]);
  });

  it('has examples that compile', () => {
    const modules = PACKAGES.flatMap(({ folder, name, declarations }) =>
      publicFunctions(program, declarations, name).flatMap((each) =>
        modulesOf(`${name.replace('/', '-')}-${each.name}`, each.examples, scopes.get(folder) ?? new Map()),
      ),
    );
    expect(problemsOf(modules, GIVEN)).to.deep.equal([]);
  });

  it('has pages whose code compiles', () => {
    const modules = PAGES.flatMap((page) => {
      const scope = scopes.get(page.replace('/README.md', '')) ?? new Map<string, string>();
      return modulesOf(page.replaceAll(/\W/g, '-'), codeOf(page), scope);
    });
    expect(modules.length).to.be.above(20);
    expect(problemsOf(modules, GIVEN)).to.deep.equal([]);
  });

  it('has programs for installed packages that compile', () => {
    const folder = join(ROOT, 'examples/installed');
    const modules = readdirSync(folder)
      .filter((file) => file.endsWith('.ts'))
      .map((file) => ({
        file: file.replace('.ts', '.mts'),
        text: readFileSync(join(folder, file), 'utf8'),
        language: 'ts',
        place: `examples/installed/${file}`,
      }));
    expect(modules.length).to.be.above(1);
    expect(problemsOf(modules, GIVEN)).to.deep.equal([]);
  });

  it('becomes a site, in which no link leads nowhere', function () {
    if (process.env.REFCONV_LONG !== '1') {
      console.log('      reads all sources, a minute; REFCONV_LONG=1 does it');
      this.skip();
    }
    this.timeout(600_000);
    const options = { cwd: join(ROOT, 'docs'), encoding: 'utf8' } as const;
    const { status, stdout, stderr } = spawnSync('npx', ['typedoc', '--emit', 'none'], options);
    expect(status, `${stdout}${stderr}`).to.equal(0);
  });

  it('would tell of code that is wrong, and where', () => {
    const block = (text: string, line: number) => ({ place: `page.md:${line}`, language: 'ts', text });
    const blocks = [block("import { merge } from '@refconv/refconv';\nconst n = 1;\n", 3)];
    blocks.push(block('const again = await merge(model);\nmerge(n);\n', 9), block('nothing(again);\n', 14));
    const problems = problemsOf(modulesOf('page', blocks, new Map()), GIVEN);
    expect(problems).to.have.lengthOf(2);
    expect(problems[0]).to.match(/^page\.md:9: merge\(n\);\n.*'number'/);
    expect(problems[1]).to.match(/^page\.md:14: nothing\(again\);\n.*'nothing'/);
  });
});
