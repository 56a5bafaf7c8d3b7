/** Commands by zx, which is loaded with the first: a tenth of a second that a run's process and most commands do without. */
import type { Options } from 'zx';

export const shell = async (options: Partial<Options>) => (await import('zx')).$(options);
