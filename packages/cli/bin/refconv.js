#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  console.error(
    'refconv is not built yet: run `npm run build` in the repository, or `npm start`, which also sets TensorFlow up.',
  );
  process.exitCode = 1;
}
