/** Where the sources lie from which the add-ons are compiled. */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** This package's folder: of a checkout, or inside node_modules. */
export const packageFolder = fileURLToPath(new URL('../../', import.meta.url));

/** The folder of an installed npm package. */
export function npmFolder(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}

/** Files of a folder by their endings, sorted, as full paths. */
export function filesEnding(folder: string, ...endings: string[]): string[] {
  return readdirSync(folder)
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .sort()
    .map((name) => join(folder, name));
}
