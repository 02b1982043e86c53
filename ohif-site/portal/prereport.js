// Pre-reports at the desk: asked for, told of, looked at, and taken over without losing a word that is not saved yet.
(() => {
  'use strict';

  const { tell } = window.pacs;
  const panel = document.getElementById('ai');
  const dialog = document.getElementById('picture');
  const said = document.getElementById('ai-taken');
  let taking = false;
  if (!panel) return;

  const inPanel = event => panel.contains(event.detail.elt);

  // What is being written is saved first, and nothing is written while a pre-report goes into it.
  document.addEventListener('htmx:confirm', async event => {
    const { writing } = window.pacs;
    if (!inPanel(event) || !('saves' in event.detail.elt.dataset) || !writing) return;
    event.preventDefault();
    try {
      writing.form.inert = true;
      await writing.save();
      if (writing.stopped) throw Object.assign(new Error('somebody else has saved'), { status: 409, told: { code: 'CONFLICT' } });
      event.detail.issueRequest(true);
    } catch (error) {
      writing.form.inert = false;
      tell(error);
    }
  });
  document.addEventListener('htmx:afterRequest', event => {
    if (inPanel(event) && 'saves' in event.detail.elt.dataset && window.pacs.writing && !taking) window.pacs.writing.form.inert = false;
  });
  document.body.addEventListener('taken', async () => {
    const { writing } = window.pacs;
    taking = true;
    try {
      await writing.reload();
      panel.open = false;
      said.textContent = said.dataset.taken;
      panel.querySelector('summary').focus();
    } catch (error) {
      tell(error);
    } finally {
      taking = false;
      writing.form.inert = false;
    }
  });

  // Whoever asks by the key sees what becomes of it.
  document.addEventListener('htmx:beforeRequest', event => {
    if (inPanel(event) && event.detail.elt.matches('form')) panel.open = true;
  });

  document.getElementById('prereports').addEventListener('htmx:load', () => {
    if (panel.querySelector('.running')) panel.open = true;
  }, { once: true });

  document.addEventListener('click', event => {
    event.target.closest('[data-drops]')?.closest('form').remove();
    const chosen = event.target.closest('[data-picture]');
    if (chosen) show(chosen);
    const step = event.target.closest('[data-step]');
    if (step) turn(Number(step.dataset.step));
  });

  // Images that were looked at, one by one.
  let pictures = [];
  let at = 0;

  function show(chosen) {
    pictures = [...chosen.closest('ul').querySelectorAll('[data-picture]')];
    at = pictures.indexOf(chosen);
    turn(0);
    dialog.showModal();
  }

  function turn(by) {
    at = (at + by + pictures.length) % pictures.length;
    const caption = pictures[at].querySelector('[data-caption]').textContent;
    dialog.querySelector('img').src = pictures[at].dataset.picture;
    dialog.querySelector('img').alt = caption;
    dialog.querySelector('h2').textContent = `${caption} (${at + 1}/${pictures.length})`;
  }

  dialog.addEventListener('keydown', event => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    turn(by);
    event.preventDefault();
  });
})();
