// Sends a form without leaving its page: whatever ends the request, what was typed stays, and the page says whether it
// was saved. Nothing is stored. Without this script, and with data-plain, the browser sends the form by itself.
(() => {
  'use strict';
  const { find, quietly, renew, keeper } = window.quanbao;
  const { holder } = document.documentElement.dataset;
  const FIELDS = 'input, select, textarea';
  let isLeaving = false; // what was typed has been taken, and the next page is on its way

  const isChanged = field => {
    if (field.type === 'hidden') return false;
    if (field.type === 'file') return field.files.length > 0;
    if (field.type === 'checkbox' || field.type === 'radio') return field.checked !== field.defaultChecked;
    if (field.options) return [...field.options].some(option => option.selected !== option.defaultSelected);
    return field.value !== field.defaultValue;
  };
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const gone = new WeakSet(); // forms that the browser sent by itself
  window.quanbao.isTyped = () => !isLeaving && all('main form[method=post]').some(
    form => !gone.has(form) && all(FIELDS, form).some(isChanged));

  // What is said of a request, before the button or field that made it, until the next one.
  const hush = place => { if (place.previousElementSibling?.matches('.unsent')) place.previousElementSibling.remove(); };
  const tell = (place, kind, { problem, isBeside } = {}) => {
    hush(place);
    const note = find('#unsent').content.firstElementChild.cloneNode(true);
    for (const part of all('[data-when]', note)) if (!part.dataset.when.split(' ').includes(kind)) part.remove();
    if (problem) find('[data-problem]', note)?.append(problem);
    const look = find('a', note);
    if (look) look.href = location.pathname + location.search;
    find('button', note)?.addEventListener('click', () => signInAgain().then(isBack => isBack && hush(place)));
    place.before(note);
    if (isBeside) return; // the focus stays where the person types
    note.focus({ preventScroll: true });
    note.scrollIntoView({ block: 'nearest' });
  };

  // An answer of ours has X-Answer. The answer of a proxy or a provider, or none, says little.
  const isOurs = answer => answer?.headers.has('X-Answer');
  const read = async answer => new DOMParser().parseFromString(await answer.text(), 'text/html');
  const kindOf = answer => {
    if (!answer) return 'unknown';
    if (answer.status === 401) return 'signed-out';
    if (answer.status === 413) return 'too-large';
    const isRefused = answer.status >= 400 && answer.status < 500 || answer.headers.get('X-Answer') === 'busy';
    return isRefused ? 'refused' : 'unknown';
  };
  const sentences = page => all('#main h1, #main h1 + p', page).map(part => part.textContent.trim()).join(document.documentElement.lang === 'en' ? ' ' : '');

  const post = (form, button) => {
    const data = new FormData(form), isPlain = form.enctype !== 'multipart/form-data';
    if (button?.name) data.append(button.name, button.value); // older browsers leave it out by themselves
    return fetch(button?.hasAttribute('formaction') ? button.formAction : form.action, {
      method: 'POST', body: isPlain ? new URLSearchParams(data) : data, redirect: 'manual',
      headers: { 'X-Form': '1', Accept: 'text/html' }, signal: AbortSignal.timeout?.(120_000),
    }).catch(() => null);
  };

  // The answer's page in the place of this one. A chosen file, a password and what was typed in other forms stay.
  const carry = (before, after, sent) => {
    for (const field of all(FIELDS, before)) {
      const now = field.id && after.querySelector('#' + CSS.escape(field.id));
      if (!now || now.type !== field.type || now.ariaInvalid === 'true' || !isChanged(field)) continue;
      if (field.type === 'file') now.replaceWith(field);
      else if (field.type === 'password') now.value = field.value;
      else if (field.form === sent) continue; // the answer has it as it was sent
      else if ('checked' in field && /checkbox|radio/.test(field.type)) now.checked = field.checked;
      else now.value = field.value;
    }
  };
  const show = (page, sent) => {
    if (page.documentElement.dataset.holder !== holder) return renew();
    const before = find('#main'), after = document.adoptNode(find('#main', page));
    carry(before, after, sent);
    before.replaceWith(after);
    document.title = page.title;
    window.htmx?.process(after);
    const wrong = find('[autofocus], [aria-invalid=true]:not(fieldset)', after), said = find('[role=alert], h1', after);
    if (!wrong) said.tabIndex = -1;
    (wrong ?? said).focus();
  };

  const send = async (form, button) => {
    const place = button?.closest('.actions, p') ?? button ?? form.lastElementChild;
    if (holder && keeper() && keeper() !== holder) return renew(); // another account signed in meanwhile
    if (!navigator.onLine) return tell(place, 'offline');
    hush(place);
    form.ariaBusy = 'true';
    const answer = await post(form, button);
    form.ariaBusy = null;
    if (isOurs(answer) && answer.status === 204) {
      isLeaving = true;
      return location.assign(answer.headers.get('X-Next'));
    }
    const said = isOurs(answer) && answer.headers.get('X-Answer'), page = said && await read(answer).catch(() => null);
    if (said === 'ok' && page && find('#main', page)) return show(page, form);
    const kind = kindOf(answer);
    tell(place, kind, { problem: kind === 'refused' && page && sentences(page) });
    if (kind === 'signed-out' && await signInAgain()) await send(form, button);
  };

  // Signing in again on top of the page, by the form of the page for it. True once the same account is signed in.
  const signInAgain = async () => {
    const dialog = find('#unsent').content.querySelector('dialog').cloneNode(true);
    const fill = page => {
      const form = document.adoptNode(find('#main form', page)), email = form.elements.email, fault = find('#main .notice', page);
      email.value ||= find('.foot a')?.textContent ?? '';
      for (const name of ['id', 'for', 'aria-describedby']) { // the page below has fields of the same names
        for (const part of all(`[${name}]`, form)) part.setAttribute(name, 'again-' + part.getAttribute(name));
      }
      find('.form', dialog).replaceChildren(...fault ? [document.adoptNode(fault)] : [], form);
      (email.value ? form.elements.password : email).focus();
    };
    const asked = await fetch('/sign-in').catch(() => null);
    if (!isOurs(asked)) return false;
    document.body.append(dialog);
    dialog.showModal();
    fill(await read(asked));
    return new Promise(done => {
      dialog.addEventListener('close', () => { dialog.remove(); done(dialog.returnValue === 'same'); });
      find('.later', dialog).addEventListener('click', () => dialog.close());
      dialog.addEventListener('submit', async event => {
        event.preventDefault();
        event.stopPropagation();
        const form = event.target, button = event.submitter;
        button.disabled = true;
        const answer = await post(form, button);
        button.disabled = false;
        if (!isOurs(answer)) return;
        if (answer.status !== 204) return fill(await read(answer));
        if (answer.headers.get('X-Holder') !== holder) return renew();
        quietly(() => { localStorage.holder = holder; });
        dialog.close('same');
      });
    });
  };

  document.addEventListener('submit', event => {
    const form = event.target, button = event.submitter ?? find('button:not([type=button])', form);
    if (event.defaultPrevented || form.method !== 'post' || form.matches('[hx-post]')) return;
    if (form.matches('[data-plain]')) return gone.add(form);
    event.preventDefault();
    if (form.ariaBusy !== 'true') send(form, button); // two taps send once
  });

  // A part of a form that asks by itself: a picture, the preview, a search. Who else answers changes nothing in the form.
  const place = element => element.closest('.field') ?? element;
  const isPart = element => element.matches('form[method=post] *');
  document.addEventListener('htmx:beforeOnLoad', event => {
    const { elt, xhr } = event.detail;
    if (!isPart(elt)) return;
    hush(place(elt));
    if (xhr.getResponseHeader('X-Answer') === 'ok') return;
    event.preventDefault(); // no redirection either
    const kind = xhr.status === 401 ? 'signed-out' : elt.type !== 'file' ? 'beside' : xhr.status === 413 ? 'too-large' : 'unsent-file';
    tell(place(elt), kind, { isBeside: true });
  });
  for (const silence of ['htmx:sendError', 'htmx:timeout']) document.addEventListener(silence, ({ detail: { elt } }) => {
    if (isPart(elt)) tell(place(elt), elt.type === 'file' ? 'unsent-file' : 'beside', { isBeside: true });
  });
})();
