/** Where what can be fetched or computed again is kept. */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder for what can be fetched or computed again: `REFCONV_CACHE`, else `$XDG_CACHE_HOME/refconv`, else
 * `~/.cache/refconv` (XDG Base Directory Specification 0.8, which ignores a relative `XDG_CACHE_HOME`).
 * @example
 * ```ts
 * import { join } from 'node:path';
 * const weights = join(cacheFolder(), 'weights', 'mobilenetv1.safetensors');
 * ```
 */
export function cacheFolder(environment: Environment = process.env): string {
  if (environment.REFCONV_CACHE) return resolve(environment.REFCONV_CACHE);
  const xdg = environment.XDG_CACHE_HOME;
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'refconv');
}
