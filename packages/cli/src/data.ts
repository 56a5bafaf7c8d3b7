/** How the command line opens data. */
import type { OpenOptions } from '@refconv/datasets';

/** For `openDataset` and `openImages`: messages go to stderr. */
export function openOptions({ download }: { download?: boolean } = {}): OpenOptions {
  return { download, log: (message) => console.error(message) };
}
