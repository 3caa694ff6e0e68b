// The service worker keeps the shell, nothing of anybody's, and answers a navigation that finds no server.
// The server writes SHELL above: a new style has a new address, so makes a new worker.
const NAME = 'shell-' + SHELL.join();

const keep = async () => {
  const shell = await caches.open(NAME);
  await shell.addAll(SHELL.map(path => new Request(path, { credentials: 'omit' }))); // signed out: no name on it
};

const forgetOlder = async () => {
  for (const name of await caches.keys()) if (name.startsWith('shell-') && name !== NAME) await caches.delete(name);
};

const kept = path => caches.match(path, { ignoreVary: true, cacheName: NAME });

const navigate = async request => {
  try {
    return await fetch(request);
  } catch {
    return await kept('/offline') ?? Response.error();
  }
};

addEventListener('install', event => event.waitUntil(keep()));
addEventListener('activate', event => event.waitUntil(forgetOlder()));
addEventListener('fetch', event => {
  const { request } = event, { origin, pathname } = new URL(request.url);
  if (origin !== location.origin || request.method !== 'GET') return;
  if (request.mode === 'navigate') event.respondWith(navigate(request));
  else if (SHELL.includes(pathname)) event.respondWith(kept(pathname).then(found => found ?? fetch(request)));
});
