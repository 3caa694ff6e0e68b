// Audits the pages it is told of, a line of JSON each on standard input, and answers with a line each.
// Usage: node audit.mjs FOLDER-OF-NODE_MODULES BROWSER
import { createInterface } from 'node:readline';

const [modules, browser] = process.argv.slice(2);
const { default: lighthouse, desktopConfig } = await import(`${modules}/lighthouse/core/index.js`);
const { default: puppeteer } = await import(`${modules}/puppeteer-core/lib/esm/puppeteer/puppeteer-core.js`);

const opened = await puppeteer.launch({
  executablePath: browser, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
});

const audit = async ({ url, form, cookies, categories }) => {
  const profile = await opened.createBrowserContext(); // nobody's cookies, nothing stored
  await profile.setCookie(...cookies.map(cookie => ({ ...cookie, domain: new URL(url).hostname, path: '/' })));
  const page = await profile.newPage();
  const flags = { onlyCategories: categories, disableFullPageScreenshot: true, logLevel: 'error' };
  const { lhr } = await lighthouse(url, flags, form === 'desktop' ? desktopConfig : undefined, page);
  await profile.close();
  const low = ({ auditRefs }) => auditRefs
    .filter(({ id, weight }) => weight && lhr.audits[id].score !== null && lhr.audits[id].score < 1)
    .map(({ id }) => `${id}: ${lhr.audits[id].displayValue ?? lhr.audits[id].title}`);
  return Object.fromEntries(Object.entries(lhr.categories).map(([name, category]) => [
    name, { score: Math.round(category.score * 100), low: low(category) }]).concat([
    ['address', lhr.finalDisplayedUrl], ['version', lhr.lighthouseVersion], ['error', lhr.runtimeError?.message ?? null]]));
};

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await audit(JSON.parse(line)).catch(error => ({ error: String(error) }));
  process.stdout.write(JSON.stringify(answer) + '\n');
}
await opened.close();
