// Keeps the shell and its holder's wallet. SHELL stands above.
const NAME = 'shell-' + SHELL.join();
const GONE = 'signed-out'; // and not told
const SOON = 800; // ms
let era = 0; // rises at each sign-in and sign-out

const after = time => new Promise(go => setTimeout(go, time));
const stored = path => caches.match(path, { ignoreVary: true });
const offline = async () => await stored('/offline') ?? Response.error();
const drop = async (kind, but) => Promise.all((await caches.keys()).map(
  name => name.startsWith(kind) && name !== but && caches.delete(name)));
// Nothing where no server answers, or only a proxy.
const ask = (url, how, time = 15e3) => Promise.race([
  fetch(url, how).then(answer => answer.status > 501 ? null : answer, () => null), after(time)]);

// The wallet, under its holder's id, with its time.
const renew = async () => {
  const asked = era;
  if (!await told()) return;
  const answer = await ask('/wallet', { redirect: 'manual' });
  const id = answer?.headers.get('X-Wallet'), text = id && await answer.text();
  if (id || [0, 401].includes(answer?.status)) await drop('wallet-', 'wallet-' + id); // 0: to sign in
  if (!id) return;
  const marked = text.replace('<html', `<html data-served data-as-of="${new Date().toISOString()}"`);
  const kept = await caches.open('wallet-' + id);
  if (asked === era) await kept.put('/wallet', new Response(marked, answer));
};

// The stored page where the server lets wait.
const open = async (event, patient) => {
  const answer = ask(event.request);
  event.waitUntil(answer.then(found => found && renew()));
  const soon = patient ? answer : Promise.race([answer, after(SOON)]);
  return await soon ?? await stored('/wallet') ?? await answer ?? offline();
};

const leave = async () => {
  await drop('wallet-');
  await (await registration.pushManager?.getSubscription())?.unsubscribe().catch(() => {});
};
// Also offline; the server hears of it first.
const told = async () => !await caches.has(GONE)
  || (await ask('/sign-out', { method: 'POST', redirect: 'manual' }, SOON))?.status === 0 && caches.delete(GONE);
const signOut = async () => {
  await caches.open(GONE);
  await leave();
  return Response.redirect(await told() ? '/' : '/offline#signed-out', 303);
};

const pass = async (event, { pathname: path, search }) => {
  const { request } = event, page = request.mode === 'navigate';
  const sent = request.method === 'POST' && (page || request.headers.has('X-Form')); // by the browser or by forms.js
  if (SHELL.includes(path)) return await stored(request) ?? fetch(request);
  if (sent) era++;
  if (sent && path === '/sign-out' && request.referrer.startsWith(origin + '/')) return signOut();
  if (!await told()) return page ? offline() : Response.error();
  if (page && /^\/(wallet|vouchers\/\w+)$/.test(path)) return open(event, search);
  if (page && /redeem$/.test(path)) return await ask(request) ?? offline();
  const answer = fetch(request);
  if (/redemptions$/.test(path)) event.waitUntil(answer.then(renew, () => {}));
  if (!page && !sent) return answer;
  const found = await answer.catch(() => null);
  if (sent && [0, 204].includes(found?.status) && /^\/(sign|move|demo|account.d)/.test(path)) await leave();
  if (found || !page) return found ?? Response.error();
  return sent ? Response.redirect('/offline#unknown', 303) : offline();
};

addEventListener('fetch', event => {
  const { request } = event, url = new URL(request.url);
  if (url.origin !== origin) return;
  if (request.cache === 'only-if-cached') return; // back to the answer of a POST: fetch() refuses to ask for it
  event.respondWith(pass(event, url));
});
addEventListener('install', event => event.waitUntil(caches.open(NAME).then(shell => shell.addAll(SHELL))));
addEventListener('activate', event => event.waitUntil(clients.claim().then(renew).then(() => drop('shell-', NAME))));
addEventListener('message', () => skipWaiting());

addEventListener('push', event => {
  const { notification: { title, navigate: data, ...more }, app_badge } = event.data.json();
  navigator.setAppBadge?.(+app_badge);
  event.waitUntil(Promise.all([registration.showNotification(title, { ...more, data }), renew()]));
});
addEventListener('notificationclick', event => {
  event.notification.close();
  event.waitUntil(clients.openWindow(event.notification.data));
});
