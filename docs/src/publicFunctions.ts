/** What a package exports, as its declarations tell it: functions, and the examples in their doc comments. */
import ts from 'typescript';
import { blocksIn, type CodeBlock } from './codeBlocks.js';

export interface PublicFunction {
  name: string;
  /** The code of its `@example` tags; an empty list where it has none. */
  examples: CodeBlock[];
}

const NO_BLOCK = 'an @example is a block of code: ```ts … ```';

/**
 * The functions among a module's exports: what can be called, whatever it was declared with; classes are none.
 * @param file the declarations, `index.d.ts`.
 * @throws Error where an `@example` has no block of code.
 */
export function publicFunctions(program: ts.Program, file: string, packageName: string): PublicFunction[] {
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile) as ts.Symbol;
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (!(symbol.flags & ts.SymbolFlags.Value)) return [];
    if (checker.getTypeOfSymbol(symbol).getCallSignatures().length === 0) return [];
    const place = `${packageName}, ${exported.name}`;
    const tags = symbol.getJsDocTags(checker).filter(({ name }) => name === 'example');
    const examples = tags.flatMap(({ text }) => {
      const blocks = blocksIn(`${ts.displayPartsToString(text)}\n`, () => place);
      if (blocks.length === 0) throw new Error(`${place}: ${NO_BLOCK}`);
      return blocks;
    });
    return [{ name: exported.name, examples }];
  });
}

/** All names that a module exports. */
export function exportsOf(program: ts.Program, file: string): string[] {
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile) as ts.Symbol;
  return checker.getExportsOfModule(module).map(({ name }) => name);
}
