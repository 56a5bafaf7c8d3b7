/** The page that shows running grids: its frame, which never changes. What it shows comes as JSON, and is put in as text. */

const STYLE = `
:root { color-scheme: light dark; --soft: light-dark(#57606a, #a3abb3); --line: light-dark(#d0d7de, #3d444d); --link: light-dark(#0550ae, #79b8ff); }
body { font: 1rem/1.4 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 1.5rem 0 .25rem; } p { margin: .25rem 0; }
.soft, caption { color: var(--soft); } .scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .15rem .6rem .15rem 0; text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: normal; } td.number { text-align: right; }
button { font: inherit; } tr[data-hash] button.run { background: none; border: 0; color: var(--link); cursor: pointer; padding: 0; font-family: monospace; }
pre { border: 1px solid var(--line); max-height: 18rem; overflow: auto; padding: .5rem; white-space: pre-wrap; }
svg { border: 1px solid var(--line); height: 12rem; width: 100%; } polyline { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
`;

export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>RefConv: running grids</title>
<style>${STYLE}</style>
<script type="module" src="/client.js"></script>
</head>
<body>
<main>
<h1>Running grids</h1>
<p id="state" class="soft" role="status">Loading …</p>
<section id="detail" hidden aria-live="polite"></section>
<div id="grids"></div>
</main>
</body>
</html>
`;
