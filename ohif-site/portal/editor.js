// A report that saves itself: sections to write in, and the version that each save is made over. A page that writes a
// report calls `pacs.editor(form, address, more)`; `more()` is what is saved besides the sections.
(() => {
  'use strict';

  const { call, tell } = window.pacs;
  const REST_MS = 1_200; // after the last key

  window.pacs.editor = (form, address, more = () => ({})) => {
    const sections = [...form.querySelectorAll('[data-section]')];
    const shown = document.getElementById('saved');
    const written = () => ({
      sections: Object.fromEntries(sections.map(each => [each.dataset.section, each.innerHTML])),
      ...more(),
    });
    let version = Number(form.dataset.version);
    let saved = JSON.stringify(written());
    let running = Promise.resolve();
    let resting = 0;
    let stopped = false; // somebody else has saved: what is here is not sent over it

    const dirty = () => JSON.stringify(written()) !== saved;

    function show(state) {
      shown.textContent = form.dataset[state];
      shown.dataset.state = state;
    }

    async function send() {
      const body = written();
      if (stopped || JSON.stringify(body) === saved) return;
      show('saving');
      try {
        ({ version } = await call('PUT', address, { version, ...body }));
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

    form.addEventListener('input', () => {
      show('unsaved');
      clearTimeout(resting);
      resting = setTimeout(saveQuietly, REST_MS);
    });
    document.addEventListener('visibilitychange', () => { if (document.hidden) saveQuietly(); });
    addEventListener('beforeunload', event => { if (dirty() && !stopped) event.preventDefault(); });

    document.execCommand('defaultParagraphSeparator', false, 'p');
    form.addEventListener('paste', event => {
      if (!event.target.closest('[data-section]')) return;
      event.preventDefault();
      document.execCommand('insertText', false, event.clipboardData.getData('text/plain'));
    });
    form.addEventListener('mousedown', event => { if (event.target.closest('[data-command]')) event.preventDefault(); });
    form.addEventListener('click', event => {
      const button = event.target.closest('[data-command]');
      if (!button) return;
      if (!sections.includes(document.activeElement)) sections[0].focus();
      document.execCommand(button.dataset.command);
    });

    return { sections, save, saveQuietly, dirty, get version() { return version; }, get stopped() { return stopped; } };
  };
})();
