/** What the page of errors quotes is what the code says. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { isSaid, quotedIn, textsIn } from './messages.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = `${ROOT}docs/errors.md`;

/** The code of all workspaces, tests aside, and the scripts of the root. */
function sources(): string[] {
  const folders = [...readdirSync(`${ROOT}packages`).map((name) => `packages/${name}/src`), 'scripts'];
  for (const name of ['experiments', 'reports', 'start']) folders.push(`${name}/src`);
  return folders
    .filter((folder) => existsSync(`${ROOT}${folder}`))
    .flatMap((folder) =>
      readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.(ts|mjs)$/.test(file) && !/\.test\.|testing/.test(file))
        .map((file) => readFileSync(`${ROOT}${folder}/${file}`, 'utf8')),
    );
}

describe('the page of errors', () => {
  it('quotes messages that the code has', () => {
    const texts = sources().flatMap(textsIn);
    const quoted = quotedIn(readFileSync(PAGE, 'utf8'));
    expect(quoted.length).to.be.above(80);
    expect(
      quoted.filter((message) => !isSaid(message, texts)),
      `no code says this any more: mend ${PAGE}`,
    ).to.deep.equal([]);
  });

  it('quotes enough of each to be found by it', () => {
    const vague = quotedIn(readFileSync(PAGE, 'utf8')).filter(
      (message) => message.replaceAll(/[^\p{L}]/gu, '').length < 9,
    );
    expect(vague).to.deep.equal([]);
  });

  it('would see that a message has changed', () => {
    const texts = textsIn(`throw new Error(\`The port \${port} is \` + 'taken; ' + give(another) + '.');`);
    expect(isSaid('The port … is taken; ….', texts)).to.equal(true);
    expect(isSaid('The port … is taken', texts)).to.equal(true);
    expect(isSaid('The port … is in use', texts)).to.equal(false);
    expect(isSaid('taken; … The port', texts)).to.equal(false);
    expect(quotedIn('| `a …` | means | do |\n| - | - | - |\n| no code | `b` | |\n')).to.deep.equal(['a …']);
  });
});
