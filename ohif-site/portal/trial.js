// Sends a recording to the report API with a key that is pasted, as an integrator's client would, and asks until the
// job has ended. The key is read from its field for each call and kept nowhere else.
(() => {
  'use strict';

  const form = document.getElementById('trial');
  const find = id => document.getElementById(id);
  const address = '/api/external/v1/pacs/report';
  const ASK_MS = 3_000;
  const ENDED = ['completed', 'failed'];
  const rest = ms => new Promise(resolve => { setTimeout(resolve, ms); });
  const bearer = () => ({ Authorization: `Bearer ${find('key').value}` });

  function show(state, told) {
    find('state').textContent = state;
    find('told').textContent = told && JSON.stringify(told, null, 2);
  }

  // XMLHttpRequest alone tells how much has been sent.
  function post(body) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open('POST', address);
      request.responseType = 'json';
      for (const [name, value] of Object.entries(bearer())) request.setRequestHeader(name, value);
      request.upload.addEventListener('progress', event => { find('sent').value = event.loaded / event.total; });
      request.addEventListener('load', () => resolve({ status: request.status, told: request.response }));
      request.addEventListener('error', reject);
      request.send(body);
    });
  }

  async function ask(jobId) {
    const answer = await fetch(`${address}/${jobId}`, { headers: bearer(), credentials: 'omit', cache: 'no-store' });
    const wait = Number(answer.headers.get('Retry-After')) * 1000;
    return { status: answer.status, told: await answer.json(), wait: answer.status === 429 ? wait : 0 };
  }

  async function run() {
    const body = new FormData();
    body.append('audio', find('audio').files[0]);
    body.append('metadata', find('metadata').value);
    const began = Date.now();
    show(form.dataset.sending, '');
    let answer = await post(body);
    const { jobId } = answer.told ?? {};
    while (answer.status === 202 || answer.wait || (answer.status === 200 && !ENDED.includes(answer.told.status))) {
      show(`${answer.status} · ${form.dataset.waiting} ${Math.round((Date.now() - began) / 1000)} s`, answer.told);
      await rest(answer.wait || ASK_MS);
      answer = await ask(jobId);
    }
    show(`${answer.status} · ${Math.round((Date.now() - began) / 1000)} s`, answer.told);
  }

  form.addEventListener('submit', async event => {
    event.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    find('sent').hidden = false;
    try {
      JSON.parse(find('metadata').value);
      await run();
    } catch (error) {
      show(error instanceof SyntaxError ? form.dataset.wrong : form.dataset.failed, '');
    } finally {
      button.disabled = false;
      find('sent').hidden = true;
    }
  });
})();
