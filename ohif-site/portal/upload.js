// Bringing studies: files, folders and zips go up part by part, and go on where they were when the connection broke.
(() => {
  'use strict';

  const { call, tell } = window.pacs;
  const form = document.getElementById('upload');
  const table = document.getElementById('sent');
  const result = document.getElementById('result');
  const send = document.getElementById('send');
  const typed = document.getElementById('typed');
  const AT_ONCE = 3;
  const TRIES = 7;
  const codes = new Set();
  const items = [];

  // Which files are told apart by their first bytes; what is none of these may be DICOM without a preamble.
  const MEDIA = [[0, 'ffd8ff'], [0, '89504e47'], [0, '25504446'], [4, '66747970']];
  async function needsPatient(file) {
    const head = new Uint8Array(await file.slice(0, 132).arrayBuffer());
    const hex = [...head].map(each => each.toString(16).padStart(2, '0')).join('');
    return MEDIA.some(([at, mark]) => hex.startsWith(mark, at * 2));
  }

  function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return [...bytes].map((each, at) => ([4, 6, 8, 10].includes(at) ? '-' : '') + each.toString(16).padStart(2, '0')).join('');
  }

  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  const size = bytes => (bytes < 1e6 ? `${number.format(bytes / 1e3)} kB` : `${number.format(bytes / 1e6)} MB`);

  async function add(files) {
    for (const { file, name } of files) {
      if (!file.size || /(^|\/)(\.DS_Store|Thumbs\.db|DICOMDIR)$/i.test(name)) continue;
      const row = table.tBodies[0].insertRow();
      row.insertCell().textContent = name;
      row.insertCell().textContent = size(file.size);
      const bar = document.createElement('progress');
      bar.max = file.size;
      bar.value = 0;
      bar.setAttribute('aria-label', name);
      row.insertCell().append(bar);
      const state = row.insertCell();
      const item = { file, name, bar, state, media: await needsPatient(file), done: false };
      items.push(item);
      say(item, 'waiting');
    }
    table.hidden = !items.length;
    const media = items.some(each => each.media && !each.done);
    typed.hidden = !media;
    typed.querySelectorAll('[data-needed]').forEach(each => { each.required = media; });
    send.disabled = !items.some(each => !each.done);
  }

  function say(item, state, more = '') {
    item.state.textContent = [form.dataset[state], more].filter(Boolean).join(': ');
    item.state.dataset.state = state;
  }

  // A broken connection and a busy archive are tried again, more and more slowly; refusals are not.
  async function patiently(item, work) {
    for (let wait = 500, tries = 1; ; wait *= 2, tries += 1) {
      try {
        return await work();
      } catch (error) {
        const passing = !error.status || error.status === 429 || error.status >= 500;
        if (!passing || tries === TRIES) throw error;
        say(item, 'broken');
        await new Promise(done => {
          setTimeout(done, wait);
          addEventListener('online', done, { once: true });
        });
      }
    }
  }

  // The same file, chosen again after the page was closed, is still known by this.
  const kept = item => `pacs.upload:${item.name}:${item.file.size}:${item.file.lastModified}`;

  async function begun(item, batch, position) {
    const known = localStorage.getItem(kept(item));
    if (known) {
      const found = await patiently(item, () => call('GET', `/uploads/${known}`)).catch(() => null);
      if (found && ['receiving', 'storing'].includes(found.state)) return found;
    }
    const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => typeof value === 'string' && value));
    const told = item.media ? fields : { branch: fields.branch ?? '', urgent: fields.urgent ?? '' };
    const name = item.name.split('/').pop();
    const made = await patiently(item, () => call('POST', '/uploads', { name, size_bytes: item.file.size, batch, position, ...told }));
    localStorage.setItem(kept(item), made.id);
    return made;
  }

  // Straight to the store, at an address that was signed for this part alone. Asked for anew each time, for it expires.
  async function sendPart(id, number, part) {
    const { parts: [{ url, fields }] } = await call('POST', `/uploads/${id}/parts`, { numbers: [number] });
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    body.append('file', part);
    const answer = await fetch(url, { method: 'POST', body, credentials: 'omit' });
    if (!answer.ok) throw Object.assign(new Error(), { status: answer.status });
  }

  async function upload(item, batch, position) {
    const { id, part_bytes: length, parts, received } = await begun(item, batch, position);
    const here = new Set(received);
    const sent = () => { item.bar.value = Math.min(item.file.size, here.size * length); };
    sent();
    for (let number = 1; number <= parts; number += 1) {
      if (here.has(number)) continue;
      say(item, 'sending');
      const part = item.file.slice((number - 1) * length, number * length);
      await patiently(item, () => sendPart(id, number, part));
      here.add(number);
      sent();
    }
    say(item, 'storing');
    let told;
    do told = await patiently(item, () => call('POST', `/uploads/${id}/finish`)); while (told.state === 'storing');
    localStorage.removeItem(kept(item));
    item.done = true;
    say(item, told.state, told.problems.map(each => each.message).join('; '));
    told.studies.forEach(each => show(each.code));
  }

  function show(code) {
    if (codes.has(code)) return;
    codes.add(code);
    const place = document.createElement(form.dataset.desk ? 'a' : 'span');
    if (form.dataset.desk) place.href = form.dataset.desk + code;
    const text = document.createElement('code');
    text.textContent = code;
    place.append(text);
    result.append(place, ' ');
    result.hidden = false;
  }

  form.addEventListener('submit', async event => {
    event.preventDefault();
    send.disabled = true;
    const batch = uuid();
    const waiting = items.filter(each => !each.done).map((item, position) => ({ item, position }));
    async function worker() {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        try {
          await upload(next.item, batch, next.position);
        } catch (error) {
          say(next.item, 'failed', error.told?.message ?? '');
          tell(error);
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await add([]);
  });

  form.addEventListener('click', event => {
    const picks = event.target.closest('[data-picks]');
    if (picks) document.getElementById(picks.dataset.picks).click();
  });

  for (const chooser of form.querySelectorAll('[type=file]')) {
    chooser.addEventListener('change', async () => {
      const files = [...chooser.files].map(file => ({ file, name: file.webkitRelativePath || file.name }));
      chooser.value = '';
      await add(files);
    });
  }

  async function* within(entry) {
    if (entry.isFile) {
      yield { file: await new Promise((done, fail) => entry.file(done, fail)), name: entry.fullPath.slice(1) };
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) return;
      for (const each of some) yield* within(each);
    }
  }

  const drop = document.getElementById('drop');
  for (const name of ['dragover', 'dragleave', 'drop']) {
    drop.addEventListener(name, event => {
      event.preventDefault();
      drop.classList.toggle('over', name === 'dragover');
    });
  }
  drop.addEventListener('drop', async event => {
    const entries = [...event.dataTransfer.items].map(each => each.webkitGetAsEntry()).filter(Boolean);
    const files = [];
    for (const entry of entries) for await (const each of within(entry)) files.push(each);
    await add(files);
  });
})();
