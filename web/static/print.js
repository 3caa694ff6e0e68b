// Pages that are made for paper have a button; without script the browser's own menu prints them.
(() => {
  'use strict';
  document.querySelectorAll('[data-print]').forEach(button => {
    button.hidden = false;
    button.addEventListener('click', () => print());
  });
})();
