/** The command `refconv`. */
import { program } from './program.js';

// A reader that has seen enough (`refconv … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  const { message, stack } = error as Error;
  console.error(process.env.REFCONV_DEBUG === '1' ? stack : `refconv: ${message}`);
  process.exitCode = 1;
}
