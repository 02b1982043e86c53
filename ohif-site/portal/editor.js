// Sections to write in; and a report that saves itself, each time over the version that it had. A page that writes a
// report calls `pacs.editor(form, address, more)`; `more()` is what is saved besides the sections.
(() => {
  'use strict';

  const { call, tell } = window.pacs;
  const REST_MS = 1_200; // after the last key

  // Writing in a section: paragraphs, plain text from elsewhere, and buttons of the form for emphasis.
  document.execCommand('defaultParagraphSeparator', false, 'p');
  document.addEventListener('paste', event => {
    if (!event.target.closest('[data-section]')) return;
    event.preventDefault();
    document.execCommand('insertText', false, event.clipboardData.getData('text/plain'));
  });
  document.addEventListener('mousedown', event => { if (event.target.closest('[data-command]')) event.preventDefault(); });
  document.addEventListener('click', event => {
    const button = event.target.closest('[data-command]');
    if (!button) return;
    const form = button.closest('form');
    if (!document.activeElement.matches('[data-section]')) form.querySelector('[data-section]').focus();
    document.execCommand(button.dataset.command);
  });

  // A form that is saved by its button asks before it is left without that.
  const guarded = document.querySelector('[data-guarded]');
  let unsaved = false;
  guarded?.addEventListener('input', () => { unsaved = true; });
  document.addEventListener('submit', () => { unsaved = false; });
  addEventListener('beforeunload', event => { if (unsaved) event.preventDefault(); });

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

    // The report is another one now, which the archive has: it is shown, and what is different is marked until looked at.
    async function reload() {
      const told = await call('GET', address);
      for (const each of sections) {
        const before = each.innerHTML;
        each.innerHTML = told.sections[each.dataset.section];
        each.toggleAttribute('data-inserted', each.innerHTML !== before);
      }
      ({ version } = told);
      saved = JSON.stringify(written());
      show('saved');
    }

    const saveQuietly = () => save().catch(() => {});

    form.addEventListener('input', () => {
      show('unsaved');
      clearTimeout(resting);
      resting = setTimeout(saveQuietly, REST_MS);
    });
    document.addEventListener('visibilitychange', () => { if (document.hidden) saveQuietly(); });
    addEventListener('beforeunload', event => { if (dirty() && !stopped) event.preventDefault(); });

    return { form, sections, save, saveQuietly, reload, dirty, get version() { return version; }, get stopped() { return stopped; } };
  };
})();
