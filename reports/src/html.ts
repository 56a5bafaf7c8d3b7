/** HTML in which every text is escaped. */

/** Markup that is ready. */
export class Html {
  constructor(readonly text: string) {}
}

type Value = string | number | Html | readonly Html[];

function render(value: Value): string {
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * A template tag: values are escaped, save those that are markup themselves.
 * @example
 * ```ts
 * html`<p>${'a < b'}</p>`.text; // '<p>a &#60; b</p>'
 * ```
 */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(String.raw({ raw: parts }, ...values.map(render)));
}

/**
 * A whole page, in the reader's colours, light or dark.
 * @param head what stands in the head beside the title: styles, scripts.
 * @example
 * ```ts
 * htmlPage('Hello', html`<style>p { color: teal }</style>`, html`<p>Hello</p>`);
 * ```
 */
export function htmlPage(title: string, head: Html, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
${head}</head>
<body>
${body}
</body>
</html>
`.text;
}
