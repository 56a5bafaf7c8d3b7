/** What the blocks of a page see: what its package exports, and what the blocks before have. */
import ts from 'typescript';
import type { CodeBlock } from './codeBlocks.js';

const TFJS = '@tensorflow/tfjs';

/** A block as a module of its own: a line of imports before it, a line of exports behind it. */
export interface Module extends CodeBlock {
  /** Its file's name, such as `page-2.mts`. */
  file: string;
}

function namesOfBinding(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : namesOfBinding(element.name)));
}

function namesOfImport({ importClause }: ts.ImportDeclaration): string[] {
  const { name, namedBindings } = importClause ?? {};
  if (namedBindings && ts.isNamespaceImport(namedBindings)) return [namedBindings.name.text];
  return [...(name ? [name] : []), ...(namedBindings?.elements.map((element) => element.name) ?? [])].map(
    ({ text }) => text,
  );
}

/** The names that a module has at its top, imported ones too. */
function declaredIn(source: ts.SourceFile): string[] {
  return source.statements.flatMap((statement) => {
    if (ts.isImportDeclaration(statement)) return namesOfImport(statement);
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.flatMap(({ name }) => namesOfBinding(name));
    if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement))
      return statement.name ? [statement.name.text] : [];
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) return [statement.name.text];
    return [];
  });
}

function usedIn(source: ts.SourceFile): Set<string> {
  const used = new Set<string>();
  const walk = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) used.add(node.text);
    ts.forEachChild(node, walk);
  };
  walk(source);
  return used;
}

/**
 * The blocks of a page as modules, each of which has from those before it what it names and does not declare.
 * @param page a name for their files, other than any other page's.
 * @param scope names that all of them see, and the module that each is of.
 */
export function modulesOf(page: string, blocks: readonly CodeBlock[], scope: ReadonlyMap<string, string>): Module[] {
  const seen = new Map(scope);
  return blocks.map((block, i) => {
    const script = block.language === 'js';
    const file = `${page}-${i}.${script ? 'mjs' : 'mts'}`;
    const source = ts.createSourceFile(file, block.text, ts.ScriptTarget.ES2022);
    const declared = declaredIn(source);
    const wanted = [...usedIn(source)].filter((name) => !declared.includes(name));
    // What is no other's is TensorFlow.js.
    if (wanted.includes('tf') && !seen.has('tf') && !script) seen.set('tf', TFJS);
    const imports = wanted.flatMap((name) => {
      const from = seen.get(name);
      if (from === undefined) return [];
      return [`import ${name === 'tf' && from === TFJS ? '* as tf' : `{ ${name} }`} from '${from}';`];
    });
    for (const name of declared) seen.set(name, `./${page}-${i}.mjs`);
    return { ...block, file, text: `${imports.join(' ')}\n${block.text}\nexport { ${declared.join(', ')} };\n` };
  });
}
