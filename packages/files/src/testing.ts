/** Helpers of this package's tests. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

export const temporaryFolder = () => mkdtempSync(join(tmpdir(), 'refconv-files-'));

/** The message of the error with which a promise is rejected. */
export const messageOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => expect.fail('nothing was thrown'),
    (error: Error) => error.message,
  );
