// What the pages for people do beyond links and forms: keys, charts, copying, asking first, and staying signed in.
(() => {
  'use strict';

  const cookie = name => document.cookie.split('; ').find(each => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';

  document.addEventListener('htmx:configRequest', event => {
    event.detail.headers['X-CSRF-Token'] = cookie('pacs_csrf');
  });

  // Calls of the archive's own API, in JSON; an error that it tells is thrown.
  async function call(method, path, body) {
    const headers = { 'X-CSRF-Token': cookie('pacs_csrf') };
    if (body !== undefined && !(body instanceof Blob)) headers['Content-Type'] = 'application/json';
    const sent = body === undefined || body instanceof Blob ? body : JSON.stringify(body);
    const answer = await fetch(path, { method, headers, body: sent, cache: 'no-store' });
    const told = answer.headers.get('Content-Type')?.startsWith('application/json') ? await answer.json() : {};
    if (!answer.ok) throw Object.assign(new Error(told.message), { status: answer.status, told });
    return told;
  }

  // What people are told of an error: in their language, with its reference to copy.
  function tell(error, place = document.getElementById('problems'), words = '') {
    const template = document.getElementById('problem').content;
    const notice = template.querySelector('.notice').cloneNode(true);
    const code = error.told ? error.told.code ?? '' : 'UNAVAILABLE';
    const kind = code.endsWith('UNAVAILABLE') ? 'UNAVAILABLE' : code;
    const said = template.querySelector(`[data-code="${CSS.escape(kind)}"]`) ?? template.querySelector('[data-code=""]');
    notice.querySelector('.what').textContent = words || said.textContent;
    const reference = error.told?.requestId;
    if (reference) {
      notice.querySelector('.reference').hidden = false;
      notice.querySelector('code').textContent = reference;
      notice.querySelector('button').dataset.copy = reference;
    }
    place.replaceChildren(notice);
    if (!error.told) console.warn(error);
  }

  // Plain text as the paragraphs of a report.
  function paragraphs(text) {
    const escaped = document.createElement('p');
    return text.split(/\n+/).filter(line => line.trim()).map(line => {
      escaped.textContent = line.trim();
      return escaped.outerHTML;
    }).join('');
  }

  // A field of this type tells by its value which field of the call it is: `report:…`, `studies:…`.
  const NAMED = { report: value => value, studies: value => [value] };

  const TYPES = {
    number: field => Number(field.value),
    flag: field => field.checked,
    html: field => paragraphs(field.value),
    days: field => new Date(Date.now() + Number(field.value) * 86_400_000).toISOString(),
  };

  function bodyOf(form) {
    const body = {};
    for (const field of form.elements) {
      if (!field.name) continue;
      if (field.dataset.type === 'named') {
        const [named, value] = field.value.split(':');
        body[named] = NAMED[named](value);
        continue;
      }
      const [name, inner] = field.name.split('.');
      const value = TYPES[field.dataset.type]?.(field) ?? field.value;
      if (inner) body[name] = { ...body[name], [inner]: value };
      else body[name] = value;
    }
    const sections = [...form.querySelectorAll('[data-section]')];
    if (sections.length) body.sections = Object.fromEntries(sections.map(each => [each.dataset.section, each.innerHTML]));
    return body;
  }

  // Forms that call the API: data-call says what, data-then where to go, data-shows what of the answer is shown.
  document.addEventListener('submit', async event => {
    const form = event.target;
    if (!form.dataset.call) return;
    event.preventDefault();
    const [method, path] = form.dataset.call.split(' ');
    const buttons = [...form.querySelectorAll('button')];
    buttons.forEach(each => { each.disabled = true; });
    try {
      const told = await call(method, path, form.elements.length > buttons.length ? bodyOf(form) : undefined);
      if (form.dataset.then) window.location.assign(form.dataset.then);
      const shown = form.querySelector('[data-shown]');
      if (shown) {
        shown.hidden = false;
        shown.querySelector('code').textContent = told[form.dataset.shows];
        shown.querySelector('button').dataset.copy = told[form.dataset.shows];
      }
    } catch (error) {
      tell(error);
    } finally {
      buttons.forEach(each => { each.disabled = false; });
    }
  });

  window.pacs = { call, tell };

  // Copying: every error's reference, and secrets that are shown once.
  document.addEventListener('click', async event => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const before = button.textContent;
    button.textContent = document.body.dataset.copied;
    setTimeout(() => { button.textContent = before; }, 1500);
  });

  document.addEventListener('submit', event => {
    const question = event.target.dataset.ask;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  document.addEventListener('click', event => {
    const opener = event.target.closest('[data-dialog]');
    if (opener) document.getElementById(opener.dataset.dialog).showModal();
    event.target.closest('[data-close]')?.closest('dialog').close();
  });

  // Keys: / searches, j and k or the arrows choose a row, Enter opens it, with Shift in a new tab. Every other key is
  // that of the button which names it in data-key, on the chosen row or else on the page.
  const rows = () => [...document.querySelectorAll('[data-row]')];
  const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };
  let chosen = '';

  function choose(row) {
    rows().forEach(each => { each.tabIndex = each === row ? 0 : -1; });
    row.focus();
    chosen = row.id;
  }

  function step(by) {
    const all = rows();
    const at = all.indexOf(document.activeElement.closest?.('[data-row]'));
    const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
    if (next) choose(next);
  }

  function named(key, row) {
    const all = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)];
    return all.find(each => row?.contains(each)) ?? all.find(each => !each.closest('[data-row]'));
  }

  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('dialog[open]')) return;
    const typing = event.target.closest('input:not([type=checkbox]), select, textarea, [contenteditable]');
    const row = event.target.closest('[data-row]');
    const arrow = event.key.startsWith('Arrow');
    if (event.key === '/' && !typing) {
      document.querySelector('[data-search]')?.focus();
    } else if (event.key in STEPS && rows().length && (arrow ? event.target.matches('body, [data-row], [data-search], .scroll') : !typing)) {
      step(STEPS[event.key]);
    } else if (event.key === 'Enter' && event.target.matches('[data-row]')) {
      row.querySelector(event.shiftKey ? '[data-open-new]' : '[data-open]')?.click();
    } else if (!typing && event.key.length === 1 && named(event.key, row)) {
      const found = named(event.key, row);
      found.matches('select') ? found.focus() : found.click();
    } else {
      return;
    }
    event.preventDefault();
  });

  document.addEventListener('htmx:afterSettle', () => {
    const row = chosen && document.getElementById(chosen);
    if (row && document.activeElement === document.body) choose(row);
  });

  // The list refreshes itself, unless somebody has gone further down, has ticked something or looks elsewhere.
  setInterval(() => {
    const list = document.getElementById('list');
    const busy = document.hidden || window.scrollY > 0 || document.querySelector('dialog[open]') || list?.querySelector(':checked');
    if (list?.hasAttribute('hx-get') && !busy) window.htmx.trigger(list, 'refresh');
  }, 30_000);

  // Charts, in the colours of the theme: one series or several, as bars upon one another or as lines.
  const STEPS_OF_AXES = [0.0001, 0.001, 0.01, 0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8].flatMap(each => [each, 2 * each, 5 * each]);
  const heaped = (series, upTo) => series[0].values.map((_, at) => series.slice(0, upTo + 1).reduce((sum, each) => sum + each.values[at], 0));

  function draw(figure) {
    const { days, values, series = [{ values }], unit, kind = 'bars' } = JSON.parse(figure.dataset.chart);
    const style = getComputedStyle(figure);
    const [ink, line, grid] = ['--pico-color', '--pico-primary', '--pico-muted-border-color'].map(name => style.getPropertyValue(name));
    const colour = each => (each.colour ? style.getPropertyValue(`--colour-${each.colour}`) : line);
    const shown = new Intl.DateTimeFormat(figure.dataset.locale, { ...(unit === 'month' ? { year: 'numeric' } : { day: 'numeric' }), month: 'short', timeZone: 'UTC' });
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const plot = figure.querySelector('.plot');
    const bars = window.uPlot.paths.bars({ size: [0.6, 40] });
    const drawn = series.map((each, at) => (kind === 'lines'
      ? { values: each.values, shape: { stroke: colour(each), width: 2, points: { show: true, size: 5 } } }
      : { values: heaped(series, at), shape: { stroke: colour(each), fill: colour(each), width: 0, paths: bars, points: { show: false } } })).reverse();
    const whole = drawn.every(each => each.values.every(Number.isInteger) || kind === 'lines');
    plot.replaceChildren();
    new window.uPlot({
      width: plot.clientWidth,
      height: 190,
      cursor: { show: false },
      legend: { show: false },
      scales: { x: { time: false, range: () => [-0.6, days.length - 0.4] }, y: { range: (_, low, high) => [0, whole ? Math.max(1, high) : high || 1] } },
      axes: [
        { ...axis, grid: { show: false }, values: (_, ticks) => ticks.map(at => (days[at] ? shown.format(new Date(days[at])) : '')) },
        { ...axis, size: 55, incrs: STEPS_OF_AXES.filter(each => !whole || each >= 1) },
      ],
      series: [{}, ...drawn.map(each => each.shape)],
    }, [days.map((_, at) => at), ...drawn.map(each => each.values)], plot);
  }

  const drawAll = () => document.querySelectorAll('[data-chart]').forEach(draw);
  drawAll();
  addEventListener('resize', drawAll);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);

  // A session is renewed by one tab at a time: a refresh token is good once.
  const RENEWED = 'pacs.renewed';
  const RENEW_MS = 8 * 60_000;
  const due = () => Date.now() - Number(localStorage.getItem(RENEWED) ?? 0) >= RENEW_MS;
  async function renew() {
    await navigator.locks.request(RENEWED, async () => {
      if (!due()) return;
      localStorage.setItem(RENEWED, String(Date.now()));
      await fetch('/auth/session/refresh', { method: 'POST', headers: { 'X-CSRF-Token': cookie('pacs_csrf') } });
    });
  }
  if ('session' in document.body.dataset) {
    localStorage.setItem(RENEWED, String(Date.now()));
    setInterval(() => { if (due()) renew(); }, 30_000);
  }
})();
