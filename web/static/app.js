// On every page: whose page it is, the service worker, what it stored, tries without an answer.
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

  // The page anew, by GET: a reload of an answer would send its form once more.
  const renew = () => location.replace(location.pathname + location.search);
  // A page from the browser's memory is asked for anew before it is seen. One with typed work that was not sent stays as
  // it is (forms.js), for the holder who typed it.
  addEventListener('pagehide', () => { root.hidden = true; });
  addEventListener('pageshow', ({ persisted }) => {
    const isOthers = holder !== undefined && holder !== keeper();
    if (persisted && (isOthers || !window.quanbao.isTyped?.())) renew(); else root.hidden = false;
  });

  // A page that slept is asked for anew, or comes from the store with its time.
  const opened = Date.now();
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && Date.now() - opened > 60_000 && find('[data-live]')) renew();
  });

  // By the server's offsets: this browser may know older rules. A zone is named where the phone's clock has another offset.
  const tick = () => {
    document.querySelectorAll('[data-clock]').forEach(clock => {
      clock.textContent = new Intl.DateTimeFormat(root.dataset.clockTag, { timeStyle: 'medium', timeZone: 'UTC' })
        .format(Date.now() + clock.dataset.clock * 1000);
    });
    document.querySelectorAll('[data-zone]').forEach(name => {
      name.hidden = !name.dataset.zone.split(' ').some(moment => {
        const [second, offset] = moment.split('/');
        return new Date(second * 1000).getTimezoneOffset() * -60 !== +offset;
      });
    });
  };
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

  // A stored page says of what time it is, and looks for the server.
  if (served !== undefined) {
    // By the server's patterns: the first use of Intl takes as long as all the rest, before anything is painted.
    const then = new Date(asOf), { day, time, months, halves, asOf: words } = find('#served').dataset;
    const month = then.getMonth(), hour = then.getHours();
    const numbers = { y: then.getFullYear(), M: month + 1, d: then.getDate(), H: hour, h: hour % 12 || 12, m: then.getMinutes() };
    const names = { MMM: months.split('|')[month], a: halves.split('|')[+(hour > 11)] };
    const today = then.toDateString() === new Date().toDateString();
    const said = words.replace('#', (today ? time : `${day} ${time}`).replace(/([A-Za-z])\1*/g, part =>
      names[part] ?? String(numbers[part[0]]).padStart(part.length, '0')));
    const one = document.getElementById(location.pathname.split('/')[2] ?? '');
    if (one) {
      find('#one').append(one.content);
      document.title = find('#one .product').textContent;
      tick();
    }
    show('#one', one);
    show('#vouchers', !one);
    document.querySelectorAll('.ticket .chip').forEach(chip => chip.after(' ', said));
    find('#served time').textContent = said;
    const look = () => fetch('/healthz').then(answer => { if (answer.ok) show('#late'); else throw 0; })
      .catch(() => setTimeout(look, 2000));
    look();
  }

  // What became of an attempt: its verdict, 404 while there is none, 0 while the server does not answer.
  const look = async id => {
    try {
      const answer = await fetch('/attempts/' + id, { headers: { 'HX-Request': 'true', Accept: 'text/html' } });
      const text = await answer.text();
      if (answer.ok && text.includes('data-settled')) return text;
      return answer.headers.has('X-Answer') ? answer.status : 0;
    } catch { return 0; }
  };
  const sent = quietly(() => JSON.parse(localStorage.sent));
  // The keypad did not open: nothing was redeemed, unless another try waits for its answer.
  if (find('#unredeemed') && /redeem$/.test(location.pathname)) sent ? location.replace('#unknown') : show('#unredeemed');
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

  return { find, quietly, show, look, tick, renew, keeper };
})();
