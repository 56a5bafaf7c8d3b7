/** The code of the guides: blocks between fences of three backticks. */

export interface CodeBlock {
  /** Where it stands: a path and a line of it, or whose example it is. */
  place: string;
  /** As the fence has it: `ts`, `js`, `html`, `sh`. */
  language: string;
  text: string;
}

const FENCE = /^([ \t]*)```(\w*)[^\n]*\n([\s\S]*?)^\1```[ \t]*$/gm;

/** The blocks of a text, in its order. @param place of a block by the line that it begins in, from 1. */
export function blocksIn(text: string, place: (line: number) => string): CodeBlock[] {
  return [...text.matchAll(FENCE)].map(({ index, 2: language = '', 3: body = '' }) => ({
    place: place(text.slice(0, index).split('\n').length + 1),
    language,
    text: body,
  }));
}

/** The modules within a block of HTML, as JavaScript. */
export function scriptsOf({ place, text }: CodeBlock): CodeBlock[] {
  const scripts = [...text.matchAll(/<script(?: type="module")?>\n([\s\S]*?)<\/script>/g)];
  return scripts.map((match) => ({ place, language: 'js', text: match[1] ?? '' }));
}
