// At the till: the screen stays awake, the keypad, and its verdict.
(() => {
  'use strict';
  const { find, quietly, look, tick } = window.quanbao;

  const wake = () => document.visibilityState === 'visible' && navigator.wakeLock?.request('screen').catch(() => {});
  wake();
  document.addEventListener('visibilitychange', wake);

  const screen = find('#screen');
  if (!screen) return;

  // The attempt's id is kept before the keypad opens, until its verdict is here: so a try never counts twice.
  // A try on the screens of practice is none: nothing of it is kept, and the server is not asked about it.
  const name = 'attempt:' + screen.dataset.code, practice = document.body.matches('.practice');
  const kept = quietly(() => localStorage.getItem(name)), atCounter = find('#counter');
  let ends = Infinity; // when the verdict becomes an entry in the voucher's history
  const settle = () => {
    const verdict = find('[data-outcome]');
    if (!verdict) return;
    const { settled: id, shown, outcome } = verdict.dataset;
    if (id) {
      quietly(() => { if (!atCounter) localStorage.removeItem(name); localStorage.removeItem('sent'); });
      const again = find('a[href=""]', verdict);
      if (again) again.href = location.href;
      history.replaceState(null, '', '/attempts/' + id); // a reload shows it again
    }
    if (shown) ends = Date.now() + shown * 1000;
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(outcome === 'redeemed' ? 300 : [90, 70, 90]);
    tick();
    verdict.tabIndex = -1;
    verdict.focus();
  };
  setInterval(() => {
    if (Date.now() < ends) return;
    ends = Infinity;
    location.replace('/vouchers/' + screen.dataset.code);
  }, 500);
  const settled = window.quanbao.settled = text => { screen.innerHTML = text; settle(); };

  let digits = ''; // nowhere else: no input, no storage, no log
  settle();
  if (kept && find('#keypad')) look(kept).then(found => { if (typeof found === 'string' && !digits) settled(found); });

  const form = find('#keypad');
  if (!form) return;
  const id = kept || (crypto.randomUUID?.() ?? form.attempt_id.value); // plain http has no randomUUID
  const keeps = !practice && quietly(() => { localStorage.setItem(name, id); return true; });
  const dots = find('#dots'), confirm = find('.confirm'), { typed } = form.dataset;
  const lost = find('#no-connection'), unheard = find('#unheard'), checking = find('#checking');

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
  form.addEventListener('htmx:configRequest', event => {
    const { detail } = event;
    if (keeps && localStorage.getItem(name) !== id) { // another window has its verdict: it is not given to these digits
      event.preventDefault();
      return location.reload();
    }
    detail.parameters.attempt_id = id;
    detail.parameters.password = digits;
    digits = '';
    draw();
    if (!practice) quietly(() => { localStorage.sent = JSON.stringify({ id, at: Date.now() }); });
  });
  addEventListener('htmx:afterSwap', settle);

  // No answer came: ask what became of the attempt until the server says, and show only what it said.
  const paint = template => screen.replaceChildren(template.content.cloneNode(true));
  const pause = time => new Promise(go => setTimeout(go, time));
  const became = practice ? async () => 404 : look;
  // 404 from the server itself: the try never came there. Until one does, the same id is good for another.
  let asking = 0;
  const ask = async () => {
    const mine = ++asking;
    let shown = checking;
    paint(shown);
    for (const until = Date.now() + 15000; mine === asking; await pause(1500)) {
      const found = await became(id);
      if (mine !== asking) return;
      if (typeof found === 'string') return settled(found);
      if (found === 401) return location.assign('/attempts/' + id); // by way of signing in
      const next = found === 404 && !practice ? unheard : shown === checking && (practice || Date.now() > until) ? lost : shown;
      if (next === shown) continue;
      paint(shown = next);
      find('[data-again]')?.addEventListener('click', () => location.reload());
      find('[data-ask]')?.addEventListener('click', ask);
      settle();
    }
  };
  addEventListener('htmx:afterRequest', ({ detail }) => { if (!detail.xhr.status) ask(); }); // lost, late or cut short
  addEventListener('htmx:beforeSwap', ({ detail }) => {
    if (detail.xhr.getResponseHeader('HX-Redirect') || detail.serverResponse.includes('data-outcome')) return;
    detail.shouldSwap = false; // a proxy answered, not the server
    ask();
  });

  find('.keys').hidden = false;
  draw();
})();
