/** Checks code that stands in no file. */
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Module } from './scope.js';

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  types: ['node'],
  strict: true,
  allowJs: true,
  checkJs: true,
  skipLibCheck: true,
  noEmit: true,
};

/** A program of files that are there. */
export const programOf = (files: readonly string[]): ts.Program => ts.createProgram(files, OPTIONS);

/**
 * What is wrong with modules, each as its place, its line and what the compiler says.
 * @param given a file of declarations that all of them see; they are taken to lie beside it.
 */
export function problemsOf(modules: readonly Module[], given: string): string[] {
  const byPath = new Map(modules.map((module) => [join(dirname(given), module.file), module]));
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile: textOf, getSourceFile } = host;
  host.fileExists = (file) => byPath.has(file) || fileExists(file);
  host.readFile = (file) => byPath.get(file)?.text ?? textOf(file);
  host.getSourceFile = (file, version, ...rest) => {
    const text = byPath.get(file)?.text;
    return text === undefined ? getSourceFile(file, version, ...rest) : ts.createSourceFile(file, text, version);
  };
  const program = ts.createProgram([given, ...byPath.keys()], OPTIONS, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, '\n    ');
    const module = file && byPath.get(file.fileName);
    if (!module) return `${file?.fileName}: ${message}`;
    const line = module.text.slice(0, start).split('\n').length - 1;
    return `${module.place}: ${module.text.split('\n')[line]?.trim()}\n    ${message}`;
  });
}
