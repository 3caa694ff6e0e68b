// A merchant's own screen: it stays awake, keeps up with the tills, and reads codes with the camera.
(() => {
  'use strict';
  const find = id => document.getElementById(id);
  const on = (name, act) => document.addEventListener('htmx:' + name, event => {
    if (event.target.id === 'day') act(event);
  });

  const wake = () => document.visibilityState === 'visible' && navigator.wakeLock?.request('screen').catch(() => {});
  wake();
  document.addEventListener('visibilitychange', () => {
    wake();
    if (!document.hidden && find('day')) htmx.trigger('#day', 'look');
  });

  on('beforeRequest', event => { if (document.hidden) event.preventDefault(); });
  on('beforeSwap', ({ detail }) => {
    const { status } = detail.xhr;
    if (status === 403 || status === 404) return window.quanbao.renew(); // no member any more: say so, show nothing
    detail.shouldSwap = status === 200 && detail.serverResponse.includes('id="day"');
    find('lost').hidden = detail.shouldSwap || status === 204;
  });
  const lost = () => { find('lost').hidden = false; };
  on('sendError', lost);
  on('timeout', lost);

  const button = find('scan'), video = find('video'), entry = find('code');
  if (entry?.value) entry.select(); // what was refused stays to be compared, and goes with the first key
  if (!button || !navigator.mediaDevices?.getUserMedia) return;
  button.hidden = false;

  // The browser's own reader where it has one; else ours, loaded with the first look through the camera.
  const reader = async () => {
    const formats = await globalThis.BarcodeDetector?.getSupportedFormats().catch(() => []) ?? [];
    if (formats.includes('qr_code')) {
      const detector = new BarcodeDetector({ formats: ['qr_code'] });
      return async () => (await detector.detect(video))[0]?.rawValue;
    }
    if (!globalThis.jsQR) await new Promise((done, fail) => {
      document.head.append(Object.assign(document.createElement('script'), {
        src: button.dataset.decoder, onload: done, onerror: fail }));
    });
    const canvas = document.createElement('canvas'), paper = canvas.getContext('2d', { willReadFrequently: true });
    return async () => {
      const scale = Math.min(1, 640 / video.videoWidth);
      canvas.width = video.videoWidth * scale;
      canvas.height = video.videoHeight * scale;
      if (!canvas.width || !canvas.height) return undefined;
      paper.drawImage(video, 0, 0, canvas.width, canvas.height);
      const { data, width, height } = paper.getImageData(0, 0, canvas.width, canvas.height);
      return jsQR(data, width, height, { inversionAttempts: 'dontInvert' })?.data;
    };
  };

  let stream = null;
  const stop = () => {
    stream?.getTracks().forEach(track => track.stop());
    stream = null;
    find('camera').hidden = true;
    button.hidden = false;
  };
  const scan = async () => {
    button.hidden = true;
    find('camera-failed').hidden = find('another-code').hidden = true;
    const mine = stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
    find('camera').hidden = false;
    video.srcObject = stream;
    await video.play();
    const read = await reader();
    while (mine === stream) {
      const text = await read() ?? '';
      const code = /(?:^|#)([0-9A-Z]{6})$/.exec(text)?.[1] ?? /\/vouchers\/([0-9A-Z]{16})$/.exec(text)?.[1];
      if (text && mine === stream) find('another-code').hidden = !!code;
      if (code && mine === stream) {
        stop();
        entry.value = code;
        return entry.form.requestSubmit();
      }
      await new Promise(go => setTimeout(go, 120));
    }
  };
  button.addEventListener('click', () => scan().catch(() => { stop(); find('camera-failed').hidden = false; }));
  find('scan-stop').addEventListener('click', stop);
  addEventListener('pagehide', stop);
})();
