/** Reads model.json and its weights as files of somebody else's: everything is checked before tfjs sees it. */
import { createHash } from 'node:crypto';
import { dirname, join, normalize } from 'node:path';
import { canonicalJson, parseJson, readBytes, readText, shown } from '@refconv/files';
import type { io } from '@tensorflow/tfjs';
import { checkTopology, isRecord } from './modelTopology.js';

/** model.json holds a topology and names: those of the largest networks take a few MB. */
export const MAX_JSON_BYTES = 2 ** 27;
const MAX_WEIGHTS = 100_000;

/** What is checked of model.json; tfjs knows further entries. */
export interface ModelJson {
  modelTopology: Record<string, unknown>;
  weightsManifest: { paths: string[]; weights: io.WeightsManifestEntry[] }[];
  format?: io.ModelArtifacts['format'];
  generatedBy?: io.ModelArtifacts['generatedBy'];
  convertedBy?: io.ModelArtifacts['convertedBy'];
  userDefinedMetadata?: io.ModelArtifacts['userDefinedMetadata'];
  /** Of topology, metadata and weights; absent where another program wrote the folder. */
  sha256?: string;
}

/** SHA-256 of what a model is. Beside tfjs's own metadata, which tfjs would carry into a changed model. */
export function checksumOf(
  { modelTopology, weightsManifest, userDefinedMetadata }: ModelJson,
  weights: Uint8Array,
): string {
  const values = JSON.parse(JSON.stringify({ modelTopology, weightsManifest, userDefinedMetadata }));
  return createHash('sha256').update(canonicalJson(values)).update(weights).digest('hex');
}

/** @throws Error saying what is wrong in the file or beside it. */
export async function readModelFile(file: string): Promise<io.ModelArtifacts> {
  const json = parseJson(await readText(file, MAX_JSON_BYTES));
  if (!isRecord(json)) throw new Error('it is not a JSON object');
  const { modelTopology, weightsManifest, sha256 } = json;
  if (json.format === 'graph-model') throw new Error('it is a graph model of tfjs; expected a layers model');
  if (!isRecord(modelTopology)) throw new Error('it has no modelTopology');
  if (!Array.isArray(weightsManifest)) throw new Error('it has no weightsManifest, so that its weights are not known');
  const groups = weightsManifest.map(checkGroup);
  const weightSpecs = groups.flatMap(({ weights }) => weights);
  if (weightSpecs.length > MAX_WEIGHTS) throw new Error(`it lists ${weightSpecs.length} weights`);
  const names = new Set<string>();
  for (const { name } of weightSpecs) {
    if (names.has(name)) throw new Error(`it lists the weight ${shown(name)} twice`);
    names.add(name);
  }
  checkTopology(modelTopology, weightSpecs);
  const parts: Buffer[] = [];
  for (const { paths, weights } of groups) parts.push(...(await readGroup(dirname(file), paths, weights)));
  const bytes = Buffer.concat(parts);
  checkFinite(weightSpecs, bytes);
  if (sha256 !== undefined && sha256 !== checksumOf(json as unknown as ModelJson, bytes)) {
    throw new Error(
      'its checksum is wrong: model.json or its weights were changed since they were saved. ' +
        'Restore them from a copy; or, if you changed them yourself, delete the entry "sha256" of model.json',
    );
  }
  const { format, generatedBy, convertedBy, userDefinedMetadata } = json as unknown as ModelJson;
  const described = { format, generatedBy, convertedBy, userDefinedMetadata };
  return { ...described, modelTopology, weightSpecs, weightData: Uint8Array.from(bytes).buffer };
}

/** Bytes of an element, also where weights are stored in fewer bits. */
const ELEMENT: Record<string, number> = { float32: 4, int32: 4, bool: 1 };
const QUANTISED: Record<string, number> = { uint8: 1, uint16: 2, float16: 2 };

function checkGroup(group: unknown): ModelJson['weightsManifest'][number] {
  if (!isRecord(group) || !Array.isArray(group.paths) || !Array.isArray(group.weights)) {
    throw new Error('a group of its weightsManifest has no paths or no weights');
  }
  for (const path of group.paths) {
    // A path in the manifest is the file's own saying, and may not lead out of its folder.
    const inside = typeof path === 'string' && path !== '' && !/^(\.\.)?([\\/]|$)/.test(normalize(path));
    if (!inside) throw new Error(`the path ${shown(String(path))} of its weights is not in its folder`);
  }
  for (const entry of group.weights) bytesOf(entry);
  return group as ModelJson['weightsManifest'][number];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** How many bytes a weight takes. @throws Error where its entry makes no sense. */
function bytesOf(entry: unknown): number {
  if (!isRecord(entry) || typeof entry.name !== 'string') throw new Error('a weight of its manifest has no name');
  const { name, dtype, shape, quantization } = entry;
  const wrong = (what: string) => new Error(`the entry of the weight ${shown(name)} is wrong: ${what}`);
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 0;
  if (!Array.isArray(shape) || shape.length > 8 || !shape.every(isSize)) throw wrong('its shape is no list of sizes');
  const element = typeof dtype === 'string' ? ELEMENT[dtype] : undefined;
  if (element === undefined) throw wrong(`its dtype is ${shown(String(dtype))}`);
  if (quantization === undefined) return element * sizeOf(shape);
  const { dtype: stored, scale = 1, min = 0 } = isRecord(quantization) ? quantization : {};
  const bytes = typeof stored === 'string' ? QUANTISED[stored] : undefined;
  if (bytes === undefined || !Number.isFinite(scale) || !Number.isFinite(min)) throw wrong('its quantization');
  return bytes * sizeOf(shape);
}

async function readGroup(folder: string, paths: string[], weights: io.WeightsManifestEntry[]): Promise<Buffer[]> {
  const expected = weights.reduce((sum, entry) => sum + bytesOf(entry), 0);
  const parts: Buffer[] = [];
  let given = 0;
  for (const path of paths) {
    const part = await readBytes(join(folder, path), Math.max(expected, 2 ** 20)).catch((error) => {
      throw error.code === 'ENOENT' ? new Error(`its weights ${shown(path)} are missing`) : error;
    });
    given += part.length;
    parts.push(part);
  }
  if (given !== expected) throw new Error(`its weights have ${given} bytes, ${expected} are expected`);
  return parts;
}

function checkFinite(specs: readonly io.WeightsManifestEntry[], bytes: Buffer): void {
  let at = 0;
  for (const spec of specs) {
    const length = bytesOf(spec);
    if (spec.dtype === 'float32' && !spec.quantization) {
      const values = new Float32Array(Uint8Array.from(bytes.subarray(at, at + length)).buffer);
      if (!values.every(Number.isFinite)) throw new Error(`its weight ${shown(spec.name)} has NaN or infinite values`);
    }
    at += length;
  }
}
