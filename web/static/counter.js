// Redeem at the counter, on the holder's phone: the code runs out, and the verdict comes by itself.
(() => {
  'use strict';
  const { find, quietly, look, show } = window.quanbao;
  const part = find('#counter');
  if (!part) return;
  const { attempt: id, seconds } = part.dataset, ends = Date.now() + seconds * 1000;
  if (id) {
    quietly(() => { localStorage.sent = JSON.stringify({ id, at: Date.now() }); }); // heard of on the next page too
    history.replaceState(null, '', '/vouchers/' + find('#screen').dataset.code); // a reload makes no other code
  }
  show('.again', false);

  const draw = () => {
    if (!part.isConnected) return;
    const left = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
    find('#left').textContent = left;
    find('progress').value = left;
    if (left) return setTimeout(draw, 250);
    show('.live', false);
    show(id ? '.over, .again' : '.none, .again');
  };
  draw();

  // The cashier may have it in hand when it runs out, for as long as the server lets them: only then is it of no use.
  const ask = async () => {
    const found = await look(id);
    if (typeof found === 'string') return window.quanbao.settled(found);
    if (Date.now() < ends + 200_000) return setTimeout(ask, 600);
    show('.over', found !== 404);
    show('.none', found === 404);
  };
  if (id) ask(); // practice has none
})();
