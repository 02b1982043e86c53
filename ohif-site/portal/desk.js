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
  const editor = window.pacs.editor(report, address);
  const { sections, save, saveQuietly } = editor;
  window.pacs.writing = editor;
  report.addEventListener('focusin', event => event.target.closest('[data-inserted]')?.removeAttribute('data-inserted'));

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

  // What is dictated is sorted into the sections, and added to what stands there. Nothing is signed by that.
  const dictation = document.getElementById('dictation');
  if (dictation) {
    const heard = document.getElementById('heard');
    const doubts = document.getElementById('doubts');
    const told = dictation.dataset;
    const insert = made => {
      for (const each of sections) {
        const words = made.sections[each.dataset.section];
        if (!words) continue;
        each.innerHTML += words;
        each.toggleAttribute('data-inserted', true);
      }
      doubts.replaceChildren(...made.warnings.map(each => {
        const item = document.createElement('li');
        item.textContent = `${each.words} · ${told[each.where]}`;
        return item;
      }));
    };
    window.pacs.recorder(document.getElementById('recorder'), async recording => {
      const { title, language, modality } = told;
      heard.textContent = told.working;
      doubts.replaceChildren();
      try {
        const id = await window.pacs.dictate(recording, { title, language, modality, template: 'none' });
        const made = await window.pacs.dictated(id);
        heard.textContent = made.sections ? told.done : told.failed;
        if (!made.sections) return;
        insert(made);
        await save();
      } catch (error) {
        heard.textContent = '';
        tell(error);
      }
    }, error => tell(error, undefined, told.deaf));
  }

  document.getElementById('preliminary').addEventListener('click', async () => {
    try {
      await save();
      await call('POST', `${address}/preliminary`, { version: editor.version });
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
      await call('POST', `${address}/sign`, { version: editor.version, ...proof });
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
    if (!('leave' in event.target.dataset) || !editor.dirty() || editor.stopped) return;
    event.preventDefault();
    try {
      await save();
      event.target.submit();
    } catch (error) {
      tell(error);
    }
  });
})();
