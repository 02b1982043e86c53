// Tries an operation from its form: with a key, or with the session of whoever looks; shows the same call for curl.
(() => {
  'use strict';

  const form = document.getElementById('try');
  const find = selector => form.querySelector(selector);
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  const SHOWN_MAX = 200_000;
  const READABLE = /^text\/|json|xml/;
  const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;

  function call() {
    const { method, path } = form.dataset;
    const given = where => [...form.querySelectorAll(`[data-where=${where}]`)].filter(each => each.value);
    const filled = given('path').reduce((made, each) => {
      const value = each.name === 'path' ? encodeURI(each.value) : encodeURIComponent(each.value);
      return made.replace(`{${each.name}}`, value.replaceAll('%2C', ','));
    }, path);
    const query = new URLSearchParams(given('query').map(each => [each.name, each.value])).toString();
    const headers = Object.fromEntries(given('header').map(each => [each.name, each.value]));
    const body = find('[data-body]')?.value;
    if (body) headers['Content-Type'] = find('[data-kind]').value;
    return { method, path: query ? `${filled}?${query}` : filled, headers, body: body || undefined };
  }

  function describe() {
    const { method, path, headers, body } = call();
    const key = find('[data-key]') ? { Authorization: 'Bearer $TOKEN' } : {};
    const lines = Object.entries({ ...headers, ...key }).map(([name, value]) => `-H "${name}: ${value}"`);
    const command = [`curl -X ${method} ${quoted(form.dataset.origin + path)}`, ...lines, ...(body ? [`-d ${quoted(body)}`] : [])];
    show('command', command.join(' \\\n  '));
    document.getElementById('copy').dataset.copy = command.join(' ');
  }

  async function told(answer) {
    const type = answer.headers.get('content-type') ?? '';
    if (!READABLE.test(type)) return `${type} · ${(await answer.blob()).size} B`;
    const text = await answer.text();
    try {
      return JSON.stringify(JSON.parse(text), null, 2).slice(0, SHOWN_MAX);
    } catch {
      return text.slice(0, SHOWN_MAX);
    }
  }

  async function send() {
    const { method, path, headers, body } = call();
    const key = find('[data-key]')?.value;
    const csrf = document.cookie.split('; ').find(each => each.startsWith('pacs_csrf='))?.slice(10);
    const proof = key ? { Authorization: `Bearer ${key}` } : csrf ? { 'X-CSRF-Token': csrf } : {};
    const credentials = key ? 'omit' : 'same-origin';
    show('status', '…');
    show('head', '');
    show('body', '');
    const answer = await fetch(path, { method, headers: { ...headers, ...proof }, body, credentials, redirect: 'manual' });
    if (answer.type === 'opaqueredirect') {
      show('status', '3xx');
      show('body', form.dataset.elsewhere);
      return;
    }
    show('status', `${answer.status} ${answer.statusText}`);
    show('head', [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n'));
    show('body', await told(answer));
  }

  form.addEventListener('input', describe);
  find('[data-kind]')?.addEventListener('change', event => {
    find('[data-body]').value = event.target.selectedOptions[0].dataset.example;
    describe();
  });
  form.addEventListener('submit', event => {
    event.preventDefault();
    send().catch(() => {
      show('status', '');
      show('body', form.dataset.failed);
    });
  });
  describe();
})();
