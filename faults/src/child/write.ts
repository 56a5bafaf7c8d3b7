/** Writes the same few files and folders again and again until it is killed: `node write.js FOLDER`. */
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { appendWhole, writeAtomically, writeWhole } from '@refconv/files';

const folder = process.argv[2] as string;
writeSync(1, 'begun\n');
for (let i = 0; ; i++) {
  const text = String(i % 10).repeat(100_000);
  await writeAtomically(join(folder, 'file'), [text]);
  await writeWhole(join(folder, 'model'), { replace: true }, async (unfinished) => {
    mkdirSync(unfinished);
    for (const name of ['a', 'b']) writeFileSync(join(unfinished, name), text);
  });
  await appendWhole(join(folder, 'lines.csv'), `${i},${'x'.repeat(500)}\n`);
}
