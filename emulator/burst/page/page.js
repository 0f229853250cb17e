'use strict';
(function () {
  const runs = JSON.parse(document.getElementById('data').textContent);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  let shown = 0;
  let charts = [];

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
  const clear = (c, share) => c + Math.round(share * 255).toString(16).padStart(2, '0');
  const number = (n) => n >= 1000 ? n.toLocaleString('en-US', {maximumFractionDigits: 0}) : String(+n.toPrecision(3));
  const seconds = (t) => String(+t.toFixed(2));

  function options(run, y) {
    const text = color('soft');
    const grid = color('grid');
    return {
      animation: false,
      maintainAspectRatio: false,
      interaction: {mode: 'index', intersect: false},
      plugins: {
        legend: {position: 'bottom', labels: {color: text, boxWidth: 10, boxHeight: 10, usePointStyle: true}},
        tooltip: {callbacks: {title: (items) => items.length ? seconds(items[0].parsed.x) + ' s' : ''}},
      },
      scales: {
        x: {type: 'linear', min: 0, max: run.series.requests.length * run.series.bucketSeconds, title: {display: true, text: 'seconds', color: text}, grid: {color: grid}, ticks: {color: text, maxTicksLimit: 12, maxRotation: 0, callback: (v) => seconds(v)}},
        y: {beginAtZero: true, title: {display: true, text: y, color: text}, grid: {color: grid}, ticks: {color: text, callback: number, maxTicksLimit: 7}},
      },
    };
  }

  // steps makes a column of the series a line of steps, up to the end of its last bucket.
  function steps(series, column) {
    const points = column.map((y, i) => ({x: i * series.bucketSeconds, y}));
    if (column.length) points.push({x: column.length * series.bucketSeconds, y: column[column.length - 1]});
    return points;
  }

  function area(label, name, data, fill) {
    const c = color(name);
    return {label, data, borderColor: c, backgroundColor: clear(c, 0.75), fill, stepped: true, pointRadius: 0, pointStyle: 'rectRounded', borderWidth: 1};
  }

  function environments(run) {
    const s = run.series;
    const o = options(run, 'environments');
    o.scales.y.stacked = true;
    return {type: 'line', options: o, data: {datasets: [
      area('busy', 'busy', steps(s, s.busy), 'origin'),
      area('idle', 'idle', steps(s, s.idle), '-1'),
      area('starting', 'starting', steps(s, s.starting), '-1'),
    ]}};
  }

  // perSecond sums a column up to at most 120 bars.
  function perSecond(series, column, each) {
    const out = [];
    for (let i = 0; i < column.length; i += each) {
      const part = column.slice(i, i + each);
      out.push(part.reduce((a, b) => a + b, 0) / (part.length * series.bucketSeconds));
    }
    return out;
  }

  function requests(run) {
    const s = run.series;
    const each = Math.max(1, Math.ceil(s.requests.length / 120));
    const bars = (column) => perSecond(s, column, each);
    const o = options(run, 'per second');
    const width = each * s.bucketSeconds;
    o.scales.x = {...o.scales.x, type: 'category', min: undefined, max: undefined, stacked: true, grid: {display: false}, ticks: {...o.scales.x.ticks, callback(v) { return this.getLabelForValue(v); }}};
    o.scales.y.stacked = true;
    o.plugins.tooltip.callbacks = {title: (items) => items.length ? 'from ' + items[0].label + ' s' : ''};
    const dataset = (label, name, column, stack) => ({label, data: column, backgroundColor: color(name), stack, pointStyle: 'rectRounded', barPercentage: 1, categoryPercentage: 0.9});
    const accepted = bars(s.requests.map((n, i) => Math.max(0, n - s.throttles[i] - s.coldStarts[i])));
    const data = [dataset('warm', 'warm', accepted, 'a'), dataset('cold', 'cold', bars(s.coldStarts), 'a'), dataset('throttled', 'throttled', bars(s.throttles), 'a')];
    if (s.failures.some((n) => n > 0)) data.push(dataset('failed, when they ended', 'failed', bars(s.failures), 'b'));
    return {type: 'bar', options: o, data: {labels: accepted.map((_, i) => seconds(i * width)), datasets: data}};
  }

  function latency(run) {
    const o = options(run, 'milliseconds');
    o.interaction = {mode: 'nearest', intersect: true};
    o.scales.y = {...o.scales.y, type: 'logarithmic', beginAtZero: false};
    o.scales.y.ticks = {...o.scales.y.ticks, maxTicksLimit: undefined, callback: (v) => /^[125]0*$|^0\.0*[125]$/.test(String(+v.toPrecision(3))) ? number(v) : undefined};
    const times = run.points.map((p) => p.t);
    const together = times.length > 0 && Math.max(...times) - Math.min(...times) < 0.001;
    let points = run.points.map((p) => ({x: p.t, y: Math.max(p.ms, 0.001), f: p.function, cold: !!p.cold}));
    if (together) { // all of them at one moment: the fastest first
      points.sort((a, b) => a.y - b.y);
      points = points.map((p, i) => ({...p, x: 100 * (i + 1) / points.length}));
      o.scales.x.max = 100;
      o.scales.x.title.text = 'percent of the requests, the fastest first';
    }
    const where = (x) => together ? ', slower than ' + number(x) + ' %' : ', sent at ' + seconds(x) + ' s';
    o.plugins.tooltip.callbacks = {title: () => '', label: (i) => (i.raw.f ? i.raw.f + ': ' : '') + number(i.raw.y) + ' ms ' + i.dataset.label + where(i.raw.x)};
    const dataset = (label, name, data, style, radius) => ({label, data, pointStyle: style, pointRadius: radius, pointHoverRadius: radius + 2,
      backgroundColor: clear(color(name), 0.55), borderColor: color(name), borderWidth: 1, clip: false});
    return {type: 'scatter', options: o, data: {datasets: [
      dataset('cold start', 'cold', points.filter((p) => p.cold), 'triangle', 5),
      dataset('warm', 'warm', points.filter((p) => !p.cold), 'circle', 2.5),
    ]}};
  }

  function memory(run) {
    const o = options(run, 'MB');
    o.plugins.legend.display = false;
    return {type: 'line', options: o, data: {datasets: [area('memory', 'memory', steps(run.series, run.series.memoryMB), 'origin')]}};
  }

  const kinds = {environments, requests, latency, memory};

  function draw() {
    charts.forEach((c) => c.destroy());
    charts = [];
    document.querySelectorAll('.run').forEach((e) => { e.hidden = Number(e.dataset.run) !== shown; });
    document.querySelectorAll('.run:not([hidden]) canvas').forEach((canvas) => {
      charts.push(new Chart(canvas, kinds[canvas.dataset.chart](runs[shown])));
    });
  }

  const choice = document.getElementById('run');
  if (choice) choice.addEventListener('change', () => { shown = Number(choice.value); draw(); });
  dark.addEventListener('change', draw);
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  draw();
})();
