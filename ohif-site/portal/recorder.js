// Dictating: a recorder that can pause and shows how loud it hears, sending what was recorded, and waiting for what
// becomes of it. Pages use `pacs.recorder` and `pacs.dictate`.
(() => {
  'use strict';

  const { call } = window.pacs;
  const KINDS = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus'];
  const ASK_MS = 1_500;
  const rest = ms => new Promise(resolve => { setTimeout(resolve, ms); });

  // The level of a microphone in a meter, until it is let go.
  function listen(stream, meter) {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    const samples = new Uint8Array(analyser.fftSize);
    context.createMediaStreamSource(stream).connect(analyser);
    const timer = setInterval(() => {
      analyser.getByteTimeDomainData(samples);
      meter.value = Math.max(...samples.map(each => Math.abs(each - 128))) / 128;
    }, 60);
    return () => {
      clearInterval(timer);
      meter.value = 0;
      context.close();
    };
  }

  // `root` holds the buttons [data-record] and [data-finish], a meter and [data-elapsed]; `done` is given the recording.
  window.pacs.recorder = (root, done, failed) => {
    const button = root.querySelector('[data-record]');
    const finish = root.querySelector('[data-finish]');
    const elapsed = root.querySelector('[data-elapsed]');
    let media = null;
    let seconds = 0;

    function show(state) {
      button.textContent = root.dataset[{ inactive: 'start', recording: 'pause', paused: 'resume' }[state]];
      root.dataset.state = state;
      finish.disabled = state === 'inactive';
      elapsed.textContent = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
    }

    async function begin() {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: true } });
      const hush = listen(stream, root.querySelector('meter'));
      const pieces = [];
      media = new MediaRecorder(stream, { mimeType: KINDS.find(each => MediaRecorder.isTypeSupported(each)) });
      seconds = 0;
      const timer = setInterval(() => {
        if (media.state === 'recording') seconds += 0.25;
        show(media.state);
      }, 250);
      media.addEventListener('dataavailable', event => pieces.push(event.data));
      media.addEventListener('stop', () => {
        clearInterval(timer);
        hush();
        stream.getTracks().forEach(each => each.stop());
        const { mimeType } = media;
        media = null;
        show('inactive');
        done(new Blob(pieces, { type: mimeType.split(';')[0] }));
      });
      media.start(1_000);
    }

    button.addEventListener('click', async () => {
      try {
        if (!media) await begin();
        else if (media.state === 'recording') media.pause();
        else media.resume();
        show(media.state);
      } catch (error) {
        failed(error);
      }
    });
    finish.addEventListener('click', () => media?.stop());
    addEventListener('beforeunload', event => { if (media) event.preventDefault(); });
    show('inactive');
  };

  // To where the archive says, as a form, with its progress from 0 to 1.
  async function upload(recording, progress) {
    const { upload: id, url, fields } = await call('POST', '/api/dictation-uploads');
    const form = new FormData();
    Object.entries(fields).forEach(([name, value]) => form.append(name, value));
    form.append('file', recording);
    await new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open('POST', url);
      request.upload.addEventListener('progress', event => progress(event.loaded / event.total));
      request.addEventListener('load', () => (request.status < 300 ? resolve() : reject(new Error(`${request.status}`))));
      request.addEventListener('error', () => reject(new Error('the store does not answer')));
      request.send(form);
    });
    return id;
  }

  // What is dictated, a recording or a text, with what is told of it; its identifier.
  window.pacs.dictate = async (recording, told, progress = () => {}) => {
    const sent = recording ? { upload: await upload(recording, progress) } : {};
    const { id } = await call('POST', '/api/dictations', { ...told, ...sent });
    return id;
  };

  // Asks until there is a report, or there will be none.
  window.pacs.dictated = async id => {
    for (;;) {
      const found = await call('GET', `/api/dictations/${id}`);
      if (['completed', 'failed'].includes(found.status)) return found;
      await rest(ASK_MS);
    }
  };
})();
