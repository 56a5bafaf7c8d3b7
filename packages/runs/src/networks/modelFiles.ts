/** Model folders as specs name them: by their path and what is in them. */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { parseJson, readBytes } from '@refconv/files';

/** SHA-256 of model.json and, after it, of the files of weights that it names. @throws Error where one is not there. */
export async function hashOfModel(path: string): Promise<string> {
  const file = path.endsWith('.json') ? path : join(path, 'model.json');
  const topology = await readBytes(file);
  const hash = createHash('sha256').update(topology);
  const { weightsManifest = [] } = parseJson(topology.toString()) as { weightsManifest?: { paths: string[] }[] };
  for (const name of weightsManifest.flatMap(({ paths }) => paths))
    hash.update(await readBytes(join(dirname(file), name)));
  return hash.digest('hex');
}

export const hashOfFile = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readBytes(path))
    .digest('hex');
