// Quanbao's own script: the keypad, its verdict, and clocks. Everything else works without any.
(() => {
  'use strict';
  const find = (selector, root = document) => root.querySelector(selector);
  const quietly = action => { try { return action(); } catch { return null; } }; // storage may be forbidden

  const tick = () => document.querySelectorAll('[data-clock]').forEach(clock => {
    clock.textContent = new Intl.DateTimeFormat(document.documentElement.lang,
      { timeStyle: 'medium', timeZone: clock.dataset.clock }).format();
  });
  tick();
  setInterval(tick, 1000);
  navigator.serviceWorker?.register('/sw.js', { updateViaCache: 'none' });

  const screen = find('#screen');
  if (!screen) return;

  // The attempt's id is kept before the keypad opens, until its verdict is here: so a try never counts twice.
  const name = 'attempt:' + screen.dataset.code;
  const kept = quietly(() => localStorage.getItem(name));
  const settle = () => {
    const verdict = find('[data-outcome]');
    if (!verdict) return;
    if ('settled' in verdict.dataset) quietly(() => localStorage.removeItem(name));
    quietly(() => navigator.vibrate?.(verdict.dataset.outcome === 'redeemed' ? 300 : [90, 70, 90]));
    tick();
    verdict.tabIndex = -1;
    verdict.focus();
  };

  // What became of an attempt: its verdict, 404 while there is none, nothing while nobody answers.
  const look = async id => {
    try {
      const answer = await fetch('/attempts/' + id, { headers: { 'HX-Request': 'true', Accept: 'text/html' } });
      const text = await answer.text();
      return answer.ok && text.includes('data-settled') ? text : answer.status;
    } catch { return 0; }
  };
  const settled = text => { screen.innerHTML = text; settle(); };

  let digits = ''; // nowhere else: no input, no storage, no log
  if (kept) look(kept).then(found => { if (typeof found === 'string' && !digits) settled(found); });

  const form = find('#keypad');
  if (!form) return;
  const id = kept || (crypto.randomUUID?.() ?? form.attempt_id.value); // plain http has no randomUUID
  quietly(() => localStorage.setItem(name, id));
  const dots = find('#dots'), confirm = find('.confirm'), { typed } = form.dataset;
  const lost = find('#no-connection'), checking = find('#checking');

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
  form.addEventListener('mousedown', event => event.preventDefault()); // no focus for a click: Enter then confirms
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
  addEventListener('htmx:afterSwap', settle);

  // No answer came: ask what became of the attempt, and say only what the server said.
  const show = template => screen.replaceChildren(template.content.cloneNode(true));
  const ask = async () => {
    show(checking);
    for (const until = Date.now() + 15000; Date.now() < until; await new Promise(go => setTimeout(go, 1500))) {
      const found = await look(id);
      if (typeof found === 'string') return settled(found);
      if (found === 404) break;
    }
    show(lost);
    find('[data-ask]').onclick = async () => await look(id) === 404 ? location.reload() : ask();
    settle();
  };
  addEventListener('htmx:sendError', ask);
  addEventListener('htmx:timeout', ask);
  addEventListener('htmx:beforeSwap', ({ detail }) => {
    if (detail.xhr.getResponseHeader('HX-Redirect') || detail.serverResponse.includes('data-outcome')) return;
    detail.shouldSwap = false; // somebody between us answered, not the server
    ask();
  });

  find('.keys').hidden = false;
  draw();
})();
