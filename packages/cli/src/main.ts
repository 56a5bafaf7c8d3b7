/** The command `refconv`. */
import { run } from './run.js';

// A reader that has seen enough (`refconv … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

await run(process.argv.slice(2));
