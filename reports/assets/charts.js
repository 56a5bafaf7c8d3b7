/*
 * Makes the pictures of a page interactive as they come into view. A chart's spec is a script beside the page, since browsers let no page
 * that was opened from a file read another file. Until then, without scripts, and on paper, there is the picture.
 */
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const figures = new Map(
    [...document.querySelectorAll('figure[data-chart]')].map((each) => [each.dataset.chart, each]),
  );
  const drawn = new Map();
  /** Above so many values a canvas is quicker than SVG. */
  const MANY = 5000;

  const styleOf = (width) => {
    const [ink, line] = dark.matches ? ['#e6e8ea', '#3d444d'] : ['#1b1f23', '#d0d7de'];
    const text = { labelColor: ink, titleColor: ink };
    return {
      background: 'transparent',
      style: { ink: { color: ink } },
      axis: { ...text, gridColor: line, domainColor: ink, tickColor: ink },
      legend: { ...text, columns: Math.min(3, Math.max(1, Math.floor(width / 190))) },
      header: text,
    };
  };

  const draw = async (name) => {
    const figure = figures.get(name);
    const { spec, view } = drawn.get(name);
    view?.finalize();
    const width = figure.clientWidth;
    const { background: _, config, ...chart } = spec;
    // A single chart takes the room that there is, and so do charts below each other; charts side by side can be scrolled.
    if (chart.facet?.row) chart.spec = { ...chart.spec, width: Math.min(chart.spec.width, width - 200) };
    if (!chart.facet && typeof chart.width === 'number' && chart.width > width - 110) {
      Object.assign(chart, { width: Math.max(160, width - 10), autosize: { type: 'fit-x', contains: 'padding' } });
    }
    const values = chart.data?.values?.length ?? 0;
    const live = figure.querySelector('.live');
    const result = await vegaEmbed(live, chart, {
      actions: false,
      renderer: values > MANY ? 'canvas' : 'svg',
      config: vega.mergeConfig(config, styleOf(width)),
      // A filter that leaves a layer empty is worth no warning.
      logLevel: vega.Error,
      tooltip: { theme: dark.matches ? 'dark' : 'custom' },
    });
    drawn.set(name, { spec, view: result.view, width });
    figure.classList.add('drawn');
    // What scrolls must be reached by the keyboard.
    if (live.scrollWidth > live.clientWidth) live.tabIndex = 0;
    else live.removeAttribute('tabindex');
  };

  globalThis.refconvChart = (name, spec) => {
    drawn.set(name, { spec });
    draw(name);
  };

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        const script = document.createElement('script');
        script.src = `${encodeURIComponent(target.dataset.chart)}.js`;
        document.head.append(script);
      }
    },
    { rootMargin: '200px' },
  );
  for (const figure of figures.values()) seen.observe(figure);

  const again = () => {
    for (const name of drawn.keys()) draw(name);
  };
  dark.addEventListener('change', again);
  let waiting;
  addEventListener('resize', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if ([...drawn].some(([name, { width }]) => width !== figures.get(name).clientWidth)) again();
    }, 200);
  });
})();
