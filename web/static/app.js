// On every page: whose page it is, the service worker, what it served from its store, and tries without an answer.
window.quanbao = (() => {
  'use strict';
  const root = document.documentElement, { holder, served, asOf } = root.dataset;
  const find = (selector, within = document) => within.querySelector(selector);
  const quietly = action => { try { return action(); } catch { return null; } }; // storage may be forbidden
  const show = (selector, shown = true) => document.querySelectorAll(selector).forEach(part => { part.hidden = !shown; });

  // What is kept here is one holder's: gone with a sign-out, with another account, with the session.
  const keeper = () => quietly(() => localStorage.holder ?? '');
  const clear = next => quietly(() => {
    for (const name of Object.keys(localStorage)) if (/^(attempt:|sent$|push$)/.test(name)) localStorage.removeItem(name);
    localStorage.holder = next;
    sessionStorage.clear(); // htmx notes there where one was
    navigator.serviceWorker?.getRegistration().then(async worker => {
      for (const note of await worker?.getNotifications() ?? []) note.close();
    });
  });
  if (holder !== undefined && holder !== keeper()) clear(holder);
  addEventListener('submit', ({ target }) => { if (new URL(target.action).pathname === '/sign-out') clear(''); });
  addEventListener('pagehide', () => { root.hidden = true; }); // a page that comes back shows itself to its holder alone
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted && holder !== undefined && holder !== keeper()) location.reload(); else root.hidden = false;
  });

  // A page that was asleep in a pocket says nothing old: it is asked for anew, or comes from the store with its time.
  const opened = Date.now();
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && Date.now() - opened > 60_000 && find('[data-live]')) location.reload();
  });

  const tick = () => document.querySelectorAll('[data-clock]').forEach(clock => {
    clock.textContent = new Intl.DateTimeFormat(root.lang, { timeStyle: 'medium', timeZone: clock.dataset.clock }).format();
  });
  tick();
  setInterval(tick, 1000);

  // A new version waits until somebody asks for it; then this page loads once more.
  navigator.serviceWorker?.register('/sw.js', { updateViaCache: 'none' }).then(registration => {
    const offer = () => { if (registration?.waiting && registration.active) show('#update'); };
    offer();
    registration?.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', offer));
    find('#update button')?.addEventListener('click', () => {
      navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
      registration.waiting?.postMessage('take over');
    });
  }, () => {});

  // A stored page says of what time it is, and looks for the server in the background.
  if (served !== undefined) {
    // By hand: the first use of Intl takes as long as all the rest, before anything is painted.
    const two = number => String(number).padStart(2, '0');
    const then = new Date(asOf), day = `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())} `;
    const today = then.toDateString() === new Date().toDateString();
    const time = `${today ? '' : day}${two(then.getHours())}:${two(then.getMinutes())}`;
    const said = find('#served').dataset.asOf.replace('#', time);
    const one = document.getElementById(location.pathname.split('/')[2] ?? '');
    if (one) {
      find('#one').append(one.content);
      document.title = find('#one .product').textContent;
    }
    show('#one', one);
    show('#vouchers', !one);
    document.querySelectorAll('.ticket .chip').forEach(chip => chip.after(' ', said));
    find('#served time').textContent = said;
    const look = () => fetch('/healthz').then(answer => { if (answer.ok) show('#late'); else throw 0; })
      .catch(() => setTimeout(look, 2000));
    look();
  }

  // What became of an attempt: its verdict, 404 while there is none, 0 while nobody answers.
  const look = async id => {
    try {
      const answer = await fetch('/attempts/' + id, { headers: { 'HX-Request': 'true', Accept: 'text/html' } });
      const text = await answer.text();
      return answer.ok && text.includes('data-settled') ? text : answer.status;
    } catch { return 0; }
  };
  const sent = quietly(() => JSON.parse(localStorage.sent));
  // Without a connection: who only opened the keypad redeemed nothing, where no other try waits for its answer.
  show('#unredeemed', !sent && /redeem$/.test(location.pathname));
  if (sent && holder && !find('#screen')) look(sent.id).then(found => {
    if (typeof found === 'string') location.assign('/attempts/' + sent.id);
    else if (found === 404 && Date.now() - sent.at > 120_000) quietly(() => localStorage.removeItem('sent'));
  });

  // The QR code of /move brings its code behind the #, which no server sees, and no history keeps.
  const code = find('[name=code]');
  if (code && location.hash) {
    code.value = location.hash.slice(1);
    history.replaceState(null, '', location.pathname);
  }

  document.querySelectorAll('[data-share]').forEach(button => {
    button.hidden = !navigator.share;
    button.onclick = () => navigator.share({ text: button.dataset.share }).catch(() => {});
  });

  return { find, quietly, show, look, tick };
})();
