/** One call of the command `refconv`. */
import { type Command, CommanderError } from 'commander';
import { program, withHelpOption } from './program.js';
import { inWordsOf } from './words.js';

/** Errors become a line on stderr, and the exit status of the process. @param args without the command's own name. */
export async function run(args: readonly string[]): Promise<void> {
  let given: Command | undefined;
  try {
    const root = program().hook('preAction', async (_, command) => {
      given = command;
      const files: readonly string[] = command.opts().import ?? [];
      if (files.length === 0) return;
      const { importFile } = await import('@refconv/files');
      for (const file of files) await importFile(file, import.meta.url);
    });
    await root.parseAsync(withHelpOption([...args]), { from: 'user' });
  } catch (error) {
    // Of help, or of options: commander has said it.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode;
      return;
    }
    const { message, stack } = error as Error;
    console.error(process.env.REFCONV_DEBUG === '1' ? stack : `refconv: ${inWordsOf(given, message)}`);
    process.exitCode ||= 1; // 130 where Ctrl-C was before
  }
}
