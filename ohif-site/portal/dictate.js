// The pages on which people dictate: sending a recording, a file or words; and the report, with what was said beside it.
(() => {
  'use strict';

  const { call, tell } = window.pacs;
  const form = document.getElementById('dictate');
  const report = document.getElementById('report');
  const waiting = document.querySelector('[data-waits]');

  if (form) {
    const preview = document.getElementById('preview');
    const send = document.getElementById('send');
    const bar = document.getElementById('sent');
    const fields = form.elements;
    let recording = null;

    const way = () => fields.way.value;
    const ready = () => ({ record: recording, file: fields.file.files[0], type: fields.text.value.trim() }[way()]);
    function show() {
      form.querySelectorAll('[data-way]').forEach(each => { each.hidden = each.dataset.way !== way(); });
      send.disabled = !ready();
      for (const each of fields.template.options) {
        each.hidden = Boolean(fields.modality.value && each.dataset.modality && each.dataset.modality !== fields.modality.value);
        if (each.hidden && each.selected) fields.template.value = '';
      }
    }

    window.pacs.recorder(document.getElementById('recorder'), made => {
      recording = made;
      preview.src = URL.createObjectURL(made);
      preview.hidden = false;
      show();
      send.focus();
    }, error => tell(error, undefined, form.dataset.deaf));

    form.addEventListener('input', show);
    form.addEventListener('submit', async event => {
      event.preventDefault();
      send.disabled = true;
      bar.hidden = way() === 'type';
      const told = Object.fromEntries(['title', 'modality', 'template', 'language', 'written_in'].map(each => [each, fields[each].value]));
      try {
        const id = way() === 'type'
          ? await window.pacs.dictate(null, { ...told, text: fields.text.value })
          : await window.pacs.dictate(ready(), told, part => { bar.value = part; });
        window.location.assign(`/dictate/${id}`);
      } catch (error) {
        tell(error);
        bar.hidden = true;
        send.disabled = false;
      }
    });
    show();
  }

  if (waiting) {
    window.pacs.dictated(waiting.dataset.waits).then(() => window.location.reload(), tell);
  }

  if (report) {
    const title = document.getElementById('title');
    const editor = window.pacs.editor(report, `/api/dictations/${report.dataset.report}`, () => ({ title: title.value }));
    document.addEventListener('keydown', event => {
      if (!(event.ctrlKey || event.metaKey) || event.key !== 's') return;
      event.preventDefault();
      editor.saveQuietly();
    });
    // A file holds what was written last.
    document.querySelectorAll('[data-export]').forEach(each => each.addEventListener('click', async event => {
      if (!editor.dirty()) return;
      event.preventDefault();
      try {
        await editor.save();
        window.location.assign(each.href);
      } catch { /* it was told */ }
    }));
  }

  // A sentence is heard when it is pressed; the one that is heard is marked.
  const audio = document.getElementById('audio');
  if (audio) {
    const sentences = [...document.querySelectorAll('[data-from]')];
    let ends = Infinity;
    (async () => {
      try {
        const { url } = await call('GET', `/api/dictations/${report.dataset.report}/audio`);
        const answer = await fetch(url, { credentials: 'omit' });
        if (answer.ok) audio.src = URL.createObjectURL(await answer.blob());
        audio.hidden = !answer.ok;
      } catch {
        audio.hidden = true; // recordings are kept for some days only
      }
    })();
    sentences.forEach(each => each.addEventListener('click', () => {
      if (!audio.src) return;
      audio.currentTime = Number(each.dataset.from);
      ends = Number(each.dataset.to);
      audio.play();
    }));
    audio.addEventListener('timeupdate', () => {
      const now = audio.currentTime;
      sentences.forEach(each => each.toggleAttribute('data-heard', now >= Number(each.dataset.from) && now < Number(each.dataset.to)));
      if (now >= ends) {
        audio.pause();
        ends = Infinity;
      }
    });
  }
})();
