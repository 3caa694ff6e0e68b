// Customers who are ticked, on the screen or not, are counted as they change.
(() => {
  'use strict';
  const count = () => {
    const said = document.querySelector('[data-selected]');
    if (!said) return;
    const ticked = '#found [name=customer]:is(:checked, [type=hidden])';
    const size = document.querySelectorAll(ticked).length;
    said.textContent = said.dataset.selected.replace('#', size.toLocaleString(document.documentElement.lang));
    said.hidden = false;
    said.closest('.selection').hidden = !size;
  };
  document.addEventListener('change', count);
  document.addEventListener('htmx:afterSwap', count);
  addEventListener('pageshow', count); // also where the browser remembers what was ticked
  count();

  // Enter in a field means the button that belongs to it: the form's first one searches.
  document.addEventListener('keydown', event => {
    const button = event.key === 'Enter' && !event.isComposing && document.getElementById(event.target.dataset?.enter);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
})();
