// A link that is handed out is copied or shared with a tap; without script one selects it.
(() => {
  'use strict';
  const ways = {
    copy: navigator.clipboard && (text => navigator.clipboard.writeText(text)),
    share: navigator.share && (text => navigator.share({ text })),
  };
  document.querySelectorAll('[data-by]').forEach(button => {
    const send = ways[button.dataset.by], { ariaLabel, textContent } = button;
    button.hidden = !send;
    button.addEventListener('click', () => send(button.dataset.link).then(() => {
      if (!button.dataset.done) return;
      button.ariaLabel = button.textContent = button.dataset.done;
      setTimeout(() => Object.assign(button, { ariaLabel, textContent }), 2000);
    }, () => {})); // who thinks better of sharing is told nothing
  });
})();
