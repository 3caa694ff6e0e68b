// The wallet on a phone: its badge, the home screen, and notifications.
(() => {
  'use strict';
  const { find, quietly, renew, show } = window.quanbao;
  const { served, holder } = document.documentElement.dataset;
  if (served !== undefined) return;

  const fresh = find('#vouchers')?.dataset.fresh;
  if (fresh) navigator.setAppBadge?.(+fresh).catch(() => {});

  // Where the browser offers no installation (Safari on a phone), once, until it is dismissed.
  const hint = find('#install');
  if (hint && navigator.standalone === false && quietly(() => !localStorage.hinted)) {
    hint.hidden = false;
    find('button', hint).onclick = () => { hint.hidden = true; quietly(() => { localStorage.hinted = 1; }); };
  }

  const push = find('#push'), key = push?.dataset.key;
  if (!key) return;
  if (!('PushManager' in window)) {
    push.hidden = false;
    show('#push-off', false);
    return show('#push-unsupported');
  }
  const send = (method, body) => fetch('/push/subscriptions', {
    method, headers: { 'Content-Type': 'application/json', Accept: 'application/json' }, body: JSON.stringify(body),
  });
  const encoded = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const wanted = () => quietly(() => localStorage.push) === holder;
  const draw = () => {
    const on = wanted() && Notification.permission === 'granted', denied = Notification.permission === 'denied';
    show('#push-off', !on && !denied);
    show('#push-on', on);
    show('#push-denied', denied);
    push.hidden = false;
  };

  // One of another key, or that the server does not know, is made anew.
  const subscribe = async () => {
    const { pushManager } = await navigator.serviceWorker.ready;
    let found = await pushManager.getSubscription();
    if (found && encoded(found.options.applicationServerKey) !== key) found = await found.unsubscribe() && null;
    found ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const answer = await send('POST', found);
    if (!answer.ok) throw answer.status;
    quietly(() => { localStorage.push = holder; });
  };
  const unsubscribe = async () => {
    quietly(() => localStorage.removeItem('push'));
    const found = await (await navigator.serviceWorker.ready).pushManager.getSubscription();
    if (found) await send('DELETE', { endpoint: found.endpoint }).finally(() => found.unsubscribe());
  };
  // Why it failed: the browser's settings, which draw() tells of; the question was closed; our server; the connection.
  const REFUSALS = ['#push-unasked', '#push-refused', '#push-failed'];
  const why = error => {
    if (Notification.permission === 'denied') return '';
    if (error?.name === 'NotAllowedError') return '#push-unasked';
    if (error === 401) renew(); // signed out
    return error === 404 || error === 422 ? '#push-refused' : '#push-failed';
  };
  const on = act => async event => {
    event.target.disabled = true;
    const failed = await act().then(() => '', why);
    for (const refusal of REFUSALS) show(refusal, refusal === failed);
    event.target.disabled = false;
    draw();
  };
  find('#push-off button').onclick = on(subscribe);
  find('#push-on button').onclick = on(unsubscribe);
  draw();
  if (wanted() && Notification.permission === 'granted') subscribe().catch(() => {});
})();
