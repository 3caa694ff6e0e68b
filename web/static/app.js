// Quanbao's own script: the keypad, its verdict, and clocks. Everything else works without any.
(() => {
  'use strict';
  const find = (selector, root = document) => root.querySelector(selector);
  const quietly = action => { try { return action(); } catch { return null; } }; // storage may be forbidden
  const show = template => find('#screen').replaceChildren(template.content.cloneNode(true));

  const newId = () => crypto.randomUUID?.() ?? '10000000-1000-4000-8000-100000000000'.replace(/[018]/g, c =>
    (c ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> c / 4).toString(16));

  // The attempt's id is kept before the keypad opens: a try whose answer is lost keeps it, so it never counts twice.
  const keep = name => {
    const id = quietly(() => localStorage.getItem(name)) || newId();
    quietly(() => localStorage.setItem(name, id));
    return id;
  };

  const tick = () => document.querySelectorAll('[data-clock]').forEach(clock => {
    clock.textContent = new Intl.DateTimeFormat(document.documentElement.lang,
      { timeStyle: 'medium', timeZone: clock.dataset.clock }).format();
  });
  tick();
  setInterval(tick, 1000);
  navigator.serviceWorker?.register('/sw.js', { updateViaCache: 'none' });

  const form = find('#keypad');
  if (!form) return;
  const name = 'attempt:' + form.dataset.code, id = keep(name);
  const dots = find('#dots'), confirm = find('.confirm'), { typed } = form.dataset;
  const lost = find('#no-connection'), checking = find('#checking');
  let digits = ''; // nowhere else: no input, no storage, no log

  const draw = () => {
    dots.replaceChildren(...Array.from(digits, () => document.createElement('i')));
    dots.setAttribute('aria-label', typed.replace('#', digits.length));
    confirm.disabled = digits.length < 6;
  };
  const type = digit => { if (digits.length < 12) digits += digit; draw(); };
  const erase = () => { digits = digits.slice(0, -1); draw(); };

  form.addEventListener('click', event => {
    const key = event.target.closest('button[type=button]');
    if (!key) return;
    if ('digit' in key.dataset) type(key.dataset.digit); else erase();
    quietly(() => navigator.vibrate?.(8));
  });
  addEventListener('keydown', event => {
    if (!form.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^\d$/.test(event.key)) type(event.key);
    else if (event.key === 'Backspace') erase();
    else if (event.key === 'Enter' && !event.target.closest('button, a') && !confirm.disabled) form.requestSubmit();
  });
  form.addEventListener('submit', event => { if (digits.length < 6) event.preventDefault(); }, true);

  form.addEventListener('htmx:configRequest', ({ detail }) => {
    detail.parameters.attempt_id = id;
    detail.parameters.password = digits;
    digits = '';
    draw();
  });

  const settle = () => {
    const verdict = find('[data-outcome]');
    if (!verdict) return;
    if ('settled' in verdict.dataset) quietly(() => localStorage.removeItem(name));
    quietly(() => navigator.vibrate?.(verdict.dataset.outcome === 'redeemed' ? 300 : [90, 70, 90]));
    tick();
    verdict.tabIndex = -1;
    verdict.focus();
  };
  addEventListener('htmx:afterSwap', settle);

  // No answer came: ask what became of the attempt, and say nothing that the server did not say.
  const ask = async () => {
    show(checking);
    for (const until = Date.now() + 15000; Date.now() < until; await new Promise(go => setTimeout(go, 1500))) {
      try {
        const answer = await fetch('/attempts/' + id, { headers: { 'HX-Request': 'true', Accept: 'text/html' } });
        if (answer.status === 404) break;
        const text = answer.ok ? await answer.text() : '';
        if (text.includes('data-outcome')) {
          find('#screen').innerHTML = text;
          return settle();
        }
      } catch { /* still no network: ask again */ }
    }
    show(lost);
    settle();
  };
  addEventListener('htmx:sendError', ask);
  addEventListener('htmx:timeout', ask);
  addEventListener('htmx:beforeSwap', event => {
    const { detail } = event;
    if (detail.xhr.getResponseHeader('HX-Redirect') || detail.serverResponse.includes('data-outcome')) return;
    detail.shouldSwap = false; // somebody between us answered, not the server
    ask();
  });

  find('.keys').hidden = false;
  draw();
})();
