// The figures keep up while they are looked at: not in a hidden tab, and never anything but figures.
(() => {
  'use strict';
  const find = id => document.getElementById(id);
  const on = (name, act) => document.addEventListener('htmx:' + name, event => {
    if (event.target.id === 'figures') act(event);
  });

  on('beforeRequest', event => { if (document.hidden) event.preventDefault(); });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) htmx.trigger('#figures', 'look'); });

  // What was opened or closed stays so; htmx itself gives the focus back to who has an id.
  const folded = text => text.replace(/<details id="([\w-]+)"( open)?>/g, (whole, id) =>
    find(id) ? `<details id="${id}"${find(id).open ? ' open' : ''}>` : whole);

  on('beforeSwap', ({ detail }) => {
    const { status } = detail.xhr;
    if (status === 403 || status === 404) return window.quanbao.renew(); // no member any more: say so, show nothing
    detail.shouldSwap = status === 200 && detail.serverResponse.includes('id="figures"');
    detail.serverResponse = folded(detail.serverResponse);
    find('lost').hidden = detail.shouldSwap || status === 204;
  });
  const lost = () => { find('lost').hidden = false; };
  on('sendError', lost);
  on('timeout', lost);
})();
