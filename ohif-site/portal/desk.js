// The radiologist's desk: the report saves itself, is signed by keys, and the study stays open while somebody reads it.
(() => {
  'use strict';

  const { call, tell } = window.pacs;
  const desk = document.querySelector('[data-study]');
  const report = document.querySelector('[data-report]');
  const next = document.getElementById('next');
  const BEAT_MS = 30_000;
  const REST_MS = 1_200; // after the last key

  // Others see that the study is open here.
  async function beat() {
    try {
      await call('POST', `/studies/${desk.dataset.study}/heartbeat`);
    } catch (error) {
      if (error.status === 409) tell(error);
    }
  }
  if ('beats' in desk.dataset) {
    beat();
    setInterval(() => { if (!document.hidden) beat(); }, BEAT_MS);
  }

  if (!report) return;

  const address = `/api/reports/${report.dataset.report}`;
  const sections = [...report.querySelectorAll('[data-section]')];
  const shown = document.getElementById('saved');
  let version = Number(report.dataset.version);
  let saved = JSON.stringify(said());
  let running = Promise.resolve();
  let resting = 0;
  let stopped = false; // somebody else has saved: what is here is not sent over it

  function said() {
    return Object.fromEntries(sections.map(each => [each.dataset.section, each.innerHTML]));
  }

  const dirty = () => JSON.stringify(said()) !== saved;

  function show(state) {
    shown.textContent = report.dataset[state];
    shown.dataset.state = state;
  }

  async function send() {
    const body = said();
    if (stopped || JSON.stringify(body) === saved) return;
    show('saving');
    try {
      ({ version } = await call('PUT', address, { version, sections: body }));
      saved = JSON.stringify(body);
      show(dirty() ? 'unsaved' : 'saved');
    } catch (error) {
      stopped = error.status === 409;
      show('unsaved');
      tell(error);
      throw error;
    }
  }

  // One after the other: each save needs the version of the one before.
  function save() {
    clearTimeout(resting);
    running = running.catch(() => {}).then(send);
    return running;
  }

  const saveQuietly = () => save().catch(() => {});

  report.addEventListener('input', () => {
    show('unsaved');
    clearTimeout(resting);
    resting = setTimeout(saveQuietly, REST_MS);
  });
  document.addEventListener('visibilitychange', () => { if (document.hidden) saveQuietly(); });
  addEventListener('beforeunload', event => { if (dirty() && !stopped) event.preventDefault(); });

  document.execCommand('defaultParagraphSeparator', false, 'p');
  report.addEventListener('paste', event => {
    event.preventDefault();
    document.execCommand('insertText', false, event.clipboardData.getData('text/plain'));
  });
  report.addEventListener('mousedown', event => { if (event.target.closest('[data-command]')) event.preventDefault(); });
  report.addEventListener('click', event => {
    const button = event.target.closest('[data-command]');
    if (!button) return;
    if (!sections.includes(document.activeElement)) sections[0].focus();
    document.execCommand(button.dataset.command);
  });

  // A template fills what is empty, and is added to what is not. The archive has sanitised it.
  report.querySelector('[data-template]')?.addEventListener('change', async event => {
    const chosen = event.target.value;
    event.target.value = '';
    if (!chosen) return;
    try {
      const template = await call('GET', `/api/report-templates/${chosen}`);
      for (const each of sections) each.innerHTML += template.sections[each.dataset.section] ?? '';
      await save();
    } catch (error) {
      tell(error);
    }
  });

  document.getElementById('preliminary').addEventListener('click', async () => {
    try {
      await save();
      await call('POST', `${address}/preliminary`, { version });
      window.location.reload();
    } catch (error) {
      tell(error);
    }
  });

  const signing = document.getElementById('signing');
  const signature = document.getElementById('signature');
  document.getElementById('sign').addEventListener('click', () => signing.showModal());

  signature.addEventListener('submit', async event => {
    event.preventDefault();
    const onwards = event.submitter?.value !== 'report' && next;
    const buttons = [...signature.querySelectorAll('button')];
    buttons.forEach(each => { each.disabled = true; });
    try {
      await save();
      const proof = Object.fromEntries(new FormData(signature));
      await call('POST', `${address}/sign`, { version, ...proof });
      if (onwards) next.submit();
      else window.location.assign(`/reports/${report.dataset.report}?done=signed`);
    } catch (error) {
      const blank = error.told?.field?.startsWith('sections');
      tell(error, signing.querySelector('.problems'), blank ? report.dataset.blank : '');
      buttons.forEach(each => { each.disabled = false; });
    }
  });

  document.addEventListener('keydown', event => {
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key === 'Enter' && !event.repeat) {
      if (signing.open) signature.requestSubmit(signature.querySelector('[value=next]'));
      else signing.showModal();
    } else if (control && event.key === 's') {
      saveQuietly();
    } else if (event.key === 'Escape' && sections.includes(event.target)) {
      event.target.blur(); // the keys of the page are within reach again
    } else {
      return;
    }
    event.preventDefault();
  });

  // Nobody leaves with words that are not saved.
  document.addEventListener('submit', async event => {
    if (!('leave' in event.target.dataset) || !dirty() || stopped) return;
    event.preventDefault();
    try {
      await save();
      event.target.submit();
    } catch (error) {
      tell(error);
    }
  });
})();
