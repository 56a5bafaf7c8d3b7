/** The command `refconv`. */
import type { Command } from 'commander';
import { program, withHelpOption } from './program.js';
import { inWordsOf } from './words.js';

// A reader that has seen enough (`refconv … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

let given: Command | undefined;
try {
  const root = program().hook('preAction', async (_, command) => {
    given = command;
    const files: readonly string[] = command.opts().import ?? [];
    if (files.length === 0) return;
    const { importFile } = await import('@refconv/files');
    for (const file of files) await importFile(file, import.meta.url);
  });
  await root.parseAsync(withHelpOption(process.argv.slice(2)), { from: 'user' });
} catch (error) {
  const { message, stack } = error as Error;
  console.error(process.env.REFCONV_DEBUG === '1' ? stack : `refconv: ${inWordsOf(given, message)}`);
  process.exitCode ||= 1; // 130 where Ctrl-C was before
}
