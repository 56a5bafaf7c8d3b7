/** The page's program, in the browser. All that is shown is put in as text, so that nothing in a name or a log is taken for markup. */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type { ShownGrid, ShownRun } from './state.js';

/** Milliseconds between looks at the grids. */
const EVERY = 2000;
const COLUMNS = ['network', 'arm', 'seed', 'run', 'state', 'epoch', 'score', 'left', 'memory', ''];

const token = new URLSearchParams(location.hash.slice(1)).get('token');
const [state, grids, detail] = ['state', 'grids', 'detail'].map((id) => document.getElementById(id) as HTMLElement) as [
  HTMLElement,
  HTMLElement,
  HTMLElement,
];
let shown = '';
let chosen: { hash: string; title: string } | undefined;

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, text = '', ...children: Node[]) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

const percent = (share: number | undefined) => (share === undefined ? '' : `${(100 * share).toFixed(2)} %`);
const duration = (seconds: number | undefined) =>
  seconds === undefined ? '' : seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;

function button(text: string, act: () => void): HTMLButtonElement {
  const made = element('button', text);
  made.type = 'button';
  made.addEventListener('click', act);
  return made;
}

/** Stops or retries: one run, or all of a grid. */
async function act(what: 'stop' | 'retry', grid: string, hash?: string): Promise<void> {
  const query = new URLSearchParams({ grid, ...(hash && { run: hash }) });
  const headers = { Authorization: `Bearer ${token}` };
  const response = await fetch(`/${what}?${query}`, { method: 'POST', headers });
  state.textContent = response.ok ? 'Done; it takes some seconds to show.' : await response.text();
  await look();
}

function actions(grid: string, { state: of, hash }: ShownRun): Node[] {
  if (!token) return [];
  if (of === 'running' || of === 'waiting') return [button('stop', () => void act('stop', grid, hash))];
  return of === 'failed' || of === 'cancelled' ? [button('retry', () => void act('retry', grid, hash))] : [];
}

function row(grid: string, run: ShownRun): HTMLTableRowElement {
  const { network, arm, seed, hash, state: of, note, epoch, epochs, score, secondsLeft, memory } = run;
  const name = button(hash.slice(0, 12), () => {
    chosen = { hash, title: `${network}, ${arm}, seed ${seed}` };
    void lookAtRun();
  });
  name.className = 'run';
  const cells = [
    ...[network, arm, String(seed)].map((text) => element('td', text)),
    element('td', '', name),
    element('td', note ? `${of}: ${note}` : of),
    ...[
      epochs ? `${epoch}/${epochs}` : '',
      percent(score),
      duration(secondsLeft),
      memory === undefined ? '' : `${Math.round(memory / 1e6)} MB`,
    ].map((text) => Object.assign(element('td', text), { className: 'number' })),
    element('td', '', ...actions(grid, run)),
  ];
  const made = element('tr', '', ...cells);
  made.dataset.hash = hash;
  return made;
}

const ORDER = ['running', 'failed', 'cancelled', 'waiting', 'done'];

function section({ name, experiment, preset, runs, problem }: ShownGrid): HTMLElement {
  const counts = ORDER.map((of) => [of, runs.filter((run) => run.state === of).length] as const).filter(
    ([, n]) => n > 0,
  );
  const summary = counts.map(([of, count]) => `${count} ${of}`).join(', ');
  const made = element(
    'section',
    '',
    element('h2', name),
    element('p', problem ?? `${experiment}, ${preset}: ${summary}`),
  );
  if (token && runs.some((run) => ['failed', 'cancelled'].includes(run.state)))
    made.append(button('retry all', () => void act('retry', name)));
  if (token && runs.some((run) => ['running', 'waiting'].includes(run.state)))
    made.append(button('stop all', () => void act('stop', name)));
  if (runs.length === 0) return made;
  const sorted = runs.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  const head = element(
    'thead',
    '',
    element('tr', '', ...COLUMNS.map((text) => Object.assign(element('th', text), { scope: 'col' }))),
  );
  const table = element('table', '', head, element('tbody', '', ...sorted.map((run) => row(name, run))));
  made.append(Object.assign(element('div', '', table), { className: 'scroll', tabIndex: 0 }));
  return made;
}

async function look(): Promise<void> {
  try {
    const text = await (await fetch('/grids')).text();
    const now = new Date().toLocaleTimeString();
    state.textContent = `${token ? '' : 'To stop or retry runs, open the address that the terminal shows. '}As of ${now}.`;
    if (text === shown) return;
    shown = text;
    const found = JSON.parse(text) as ShownGrid[];
    grids.replaceChildren(...(found.length > 0 ? found.map(section) : [element('p', 'There are no grids yet.')]));
  } catch {
    state.textContent = 'The server does not answer: was it stopped?';
  }
}

const SVG = 'http://www.w3.org/2000/svg';

/** A curve over the epochs, in the whole height. */
function line(values: readonly number[], colour: string): SVGElement {
  const [least, largest] = [Math.min(...values), Math.max(...values)];
  const points = values.map((value, i) => {
    const x = (100 * i) / Math.max(1, values.length - 1);
    return `${x.toFixed(2)},${(98 - (96 * (value - least)) / (largest - least || 1)).toFixed(2)}`;
  });
  const made = document.createElementNS(SVG, 'polyline');
  made.setAttribute('points', points.join(' '));
  made.setAttribute('stroke', colour);
  return made;
}

/** Blue and vermilion differ for colour-blind readers (after Okabe and Ito). */
const CURVES = [
  { wanted: /^train_loss$/, colour: '#0072B2' },
  { wanted: /^(validation|test)_(top1|mean_iou|ap50|ap)$/, colour: '#D55E00' },
];

async function lookAtRun(): Promise<void> {
  if (!chosen) return;
  const { hash, title } = chosen;
  const { epochs, log } = (await (await fetch(`/runs/${hash}`)).json()) as {
    epochs: Record<string, string>[];
    log: string;
  };
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 100 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  const described = CURVES.flatMap(({ wanted, colour }) => {
    const column = Object.keys(epochs[0] ?? {}).find((name) => wanted.test(name));
    const values = column ? epochs.map((epoch) => Number(epoch[column])).filter(Number.isFinite) : [];
    if (!column || values.length === 0) return [];
    svg.append(line(values, colour));
    return [`${column}: ${values[0]?.toFixed(4)} to ${values.at(-1)?.toFixed(4)}`];
  });
  svg.setAttribute('aria-label', described.join('; '));
  const close = button('close', () => {
    chosen = undefined;
    detail.hidden = true;
  });
  detail.replaceChildren(
    ...[element('h2', title), element('p', `${hash}; ${described.join('; ') || 'no epoch is finished yet'}`)],
    ...(described.length > 0 ? [svg] : []),
    ...[element('pre', log || 'Nothing was written to its log.'), close],
  );
  detail.hidden = false;
}

async function watch(): Promise<void> {
  for (;;) {
    await look();
    await lookAtRun().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

void watch();
