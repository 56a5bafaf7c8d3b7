/** The texts that code can say, as the page of errors quotes them: what is filled in is an ellipsis. */
import ts from 'typescript';

/** Of an expression that gives a text; undefined of any other. */
function textOf(node: ts.Expression): string | undefined {
  if (ts.isParenthesizedExpression(node)) return textOf(node.expression);
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [textOf(node.left), textOf(node.right)];
    return left === undefined && right === undefined ? undefined : `${left ?? '…'}${right ?? '…'}`;
  }
  return undefined;
}

/** The texts in a module's code. */
export function textsIn(code: string): string[] {
  const source = ts.createSourceFile('module.ts', code, ts.ScriptTarget.ES2022);
  const texts: string[] = [];
  const walk = (node: ts.Node): void => {
    const text = ts.isExpression(node) ? textOf(node) : undefined;
    if (text !== undefined) texts.push(text);
    ts.forEachChild(node, walk);
  };
  walk(source);
  return texts;
}

/** Whether one of the texts has all that is between the ellipses of a quotation, in its order. */
export function isSaid(quoted: string, texts: readonly string[]): boolean {
  const parts = quoted.split('…').map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(parts.join('[^]*'));
  return texts.some((text) => pattern.test(text));
}

/** The messages that a page quotes: what stands as code in the first column of its tables. */
export function quotedIn(markdown: string): string[] {
  return [...markdown.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, quoted = '']) => quoted);
}
