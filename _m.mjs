import { execSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const files = execSync("find packages/*/dist -name '*.js'")
  .toString()
  .split('\n')
  .filter((f) => f && !/test|testing/.test(f));
for (const f of files) {
  const src = readFileSync(f, 'utf8')
    .replace(/^import .*$/gm, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
  for (const m of src.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)) {
    const t = (m[1] ?? m[2] ?? m[3]).replace(/\$\{[^{}]*\}/g, '…');
    if (!/ /.test(t)) continue;
    const words = [...t.matchAll(/\b[a-z]+[A-Z]\w*\b(\(\))?/g)].map((m) => m[0]);
    if (words.length)
      console.log(
        `${f.replace('packages/', '').replace('/dist/', ' ')}: [${[...new Set(words)]}] ${t.slice(0, 170).replaceAll('\n', '⏎')}`,
      );
  }
}
