/** Messages of the packages, which name options of their functions, in the words of the command that was given. */
import type { Command } from 'commander';

/** What has another name here, or is no option: the functions' words, and the command's. The first that fits counts. */
const PHRASES: readonly [functions: string, command: string][] = [
  ["(onBroken: 'skip')", '(--skip-broken)'],
  ['Ask for a download (download: true, ', 'Ask for a download (--download, '],
  ['Give another path, or `replace: true` to replace it.', 'Give another path, or remove it.'],
  ['dropLast leaves no batch', 'without the smaller last one there is no batch'],
  ['set dropLast to true', 'leave --keep-last-batch out'],
  ['set dropLast to false', 'give --keep-last-batch'],
  ['leave dropLast out', 'give --keep-last-batch'],
  ['as `saveModel` makes it', 'as `refconv` writes it'],
  ['reparameterize() makes a model with some', '`refconv refocus` and `refconv train --method` make models with some'],
  ['before merge()', 'before merging'],
  ['train it as it is, or merge() the model first', 'train it without --method, or merge it first, by `refconv merge`'],
  ['merge() the model first', 'merge it first, by `refconv merge`'],
];

/** Options of methods, which are given by --option. */
const OF_METHODS = ['largestKernel', 'rowsPerGroup'];

/**
 * The message with each option that the command has under its own name, such as `--batch-size` for `batchSize` and
 * `--without-batch-norm bias` for `withoutBatchNorm: 'bias'`.
 * @param command the one that was given; undefined before it is known.
 */
export function inWordsOf(command: Command | undefined, message: string): string {
  let text = message;
  for (const [functions, own] of PHRASES) text = text.replaceAll(functions, own);
  const select: unknown = command?.getOptionValue('select');
  if (select instanceof RegExp) text = text.replaceAll('`select` accepts', `\`--select ${select.source}\` accepts`);
  for (const name of OF_METHODS) text = text.replaceAll(`\`${name}\``, `\`--option ${name}=…\``);
  for (const option of command?.options ?? []) {
    const [name, flag] = [option.attributeName(), option.long as string];
    // A single small word is one of the language too, unless it stands as code.
    const word = /[A-Z]/.test(name) ? `(?<![\\w./-])${name}(?![\\w/(]|\\.\\w|-\\w)` : `(?<=\`)${name}(?=\`)`;
    text = text
      .replace(new RegExp(`${word}: '(\\w+)'`, 'g'), `${flag} $1`)
      .replace(new RegExp(`${word}: true`, 'g'), flag)
      .replace(new RegExp(word, 'g'), flag);
  }
  return text;
}
