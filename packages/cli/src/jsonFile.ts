/** JSON files that somebody else wrote. */
import { parseJson, readText } from '@refconv/files';

/** What a JSON file holds, once it is checked. @throws Error that names the file, and says what is wrong with it. */
export async function readChecked<T>(path: string, check: (value: unknown) => T): Promise<T> {
  try {
    return check(parseJson(await readText(path)));
  } catch (error) {
    throw new Error(`${path} cannot be used. ${(error as Error).message}`, { cause: error });
  }
}
