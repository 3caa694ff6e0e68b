// Entering a campaign: whoever else answers than the form itself changes nothing in it, and is mentioned above.
(() => {
  'use strict';
  const form = document.querySelector('.campaign-form'), note = document.querySelector('#unanswered');
  const tell = ({ status }) => {
    note.textContent = note.dataset[status === 401 ? 'signedOut' : 'lost'];
    note.hidden = false;
  };
  form.addEventListener('htmx:beforeOnLoad', event => {
    const { xhr } = event.detail;
    note.hidden = true;
    if (/id="picture-field"|class="ticket /.test(xhr.responseText)) return;
    event.preventDefault(); // no redirection either: it would lose what was typed
    tell(xhr);
  });
  form.addEventListener('htmx:sendError', event => tell(event.detail.xhr));

  let sent = false; // two taps make one campaign
  form.addEventListener('submit', event => {
    if (sent) event.preventDefault();
    sent = true;
  });
  addEventListener('pageshow', () => { sent = false; });
})();
