// Serves the pages, starts the server and Chromium, and checks what each page has come to.
//
// A page tells by a request that needs no answer, so that this works from any origin.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const DEADLINE_SECONDS = 60;
const here = dirname(fileURLToPath(import.meta.url));
const children = [];
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

// One that stands at the start of a line, from another module.
const IMPORT = /^\s*(?:import\s*|(?:import|export)\b[^'"=;()]*\bfrom\s*)['"]([^'"]+)['"]/gm;

// Where the packages are that the official client and what it needs import by name: a page has no
// other way to find them.
function importMap() {
  const imports = {};
  const visit = (name, importer) => {
    const url = new URL(name.startsWith('.') ? new URL(name, importer) : import.meta.resolve(name));
    if (!name.startsWith('.')) imports[name] = url.pathname.slice(here.length);
    if (visited.has(url.href)) return;
    visited.add(url.href);
    const source = readFileSync(url, 'utf8');
    for (const [, name] of source.matchAll(IMPORT)) visit(name, url);
  };
  const visited = new Set();
  visit('@modelcontextprotocol/client', import.meta.url);
  return imports;
}

const PAGE = `<!doctype html><title>MCP</title>
<script type="importmap">${JSON.stringify({ imports: importMap() })}</script>
<script type="module" src="/page.mjs"></script>`;

// What a page reports is the body of a request to here.
const reports = [];
let reported = () => {};

async function serve(request, response) {
  response.shouldKeepAlive = false;
  const { pathname } = new URL(request.url, 'http://localhost');
  if (pathname === '/report') {
    let body = '';
    for await (const piece of request) body += piece;
    reports.push(JSON.parse(body));
    reported();
  } else if (pathname === '/') {
    response.setHeader('Content-Type', 'text/html');
    response.write(PAGE);
  } else if (/^\/(page\.mjs|node_modules\/.*\.m?js)$/.test(pathname) && !pathname.includes('..')) {
    response.setHeader('Content-Type', 'text/javascript');
    response.write(readFileSync(join(here, pathname)));
  } else {
    response.statusCode = 404;
  }
  response.end();
}

async function listening(server, ...where) {
  server.listen(...where);
  await once(server, 'listening');
  return server.address().port;
}

function start(command, args, options) {
  const child = spawn(command, args, options);
  children.push(child);
  return child;
}

// Opens a page in a browser of its own, and waits for its report.
async function visit(url, parameters, ...options) {
  const profile = mkdtempSync(join(tmpdir(), 'mcp-browser-'));
  const page = `${url}?${new URLSearchParams(parameters)}`;
  const count = reports.length;
  const browser = start(
    'chromium',
    ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
      '--disable-background-networking', '--disable-component-update',
      `--user-data-dir=${profile}`, ...options, page],
    { stdio: 'ignore' },
  );
  const exited = once(browser, 'exit');
  while (reports.length === count) await new Promise((resolve) => (reported = resolve));
  browser.kill();
  await exited;
  try {
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  } catch {
    // Its helpers may write for a while after the browser has ended. It is a temporary folder.
  }
  return reports.at(-1);
}

// A call without a browser, which says no Origin.
async function waiting(server, label) {
  const response = await fetch(server, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({
      jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'test_waiting', arguments: { label } },
    }),
  });
  return (await response.json()).result.content[0].text;
}

// A page that could do nothing, and whose every request ended like that.
function shownOnly({ seen, waiting, errors, shown, sneaked }, outcome, last) {
  assert.deepEqual([seen, waiting, errors.length, sneaked], [[], undefined, 3, last]);
  assert.deepEqual([...new Set(shown)], [outcome]);
}

const step = (text) => console.log(`browser: ${text}`);

async function main([command, ...args]) {
  const [pages, others] = [createServer(serve), createServer(serve)];
  const [page, other] = [await listening(pages, 0), await listening(others, 0)];
  const origin = `http://localhost:${page}`;
  const report = `${origin}/report`;

  const mcp = start(command, [...args, '--port', '0', '--origin', origin], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(mcp.stdout), 'line');
  const server = new URL(line.replace('listening on ', ''));

  const allowed = await visit(origin, { server, report, label: 'allowed' });
  assert.deepEqual(allowed.errors, []);
  assert.deepEqual(allowed.seen, [
    // What goes wrong is for the page to read, too, and so is the id of its session.
    ['2026-07-28', false, 'Hello, page!', 'mirrored', 3, -32602],
    ['2025-11-25', true, 'Hello, page!', 'mirrored', 3, -32602],
  ]);
  assert.equal(allowed.waiting, 'yes', 'the call that tells whether any has been made');
  step('a page that is let in calls tools on 2026-07-28, and on 2025-11-25 with a session');

  const refused = await visit(`http://localhost:${other}`, { server, report, label: 'refused' });
  shownOnly(refused, 'TypeError', 'opaque');
  assert.equal(await waiting(server, 'refused'), 'no', 'a call came through');
  step('another page is shown nothing, and its calls are not made');

  // The name leads to somebody else's machine until the page has come, and here from then on.
  let isRebound = false;
  const attacker = createTcpServer((client) => {
    // Browsers connect ahead, so what counts is when the request comes.
    client.on('error', () => {}).once('data', (bytes) => {
      const to = isRebound ? connect(server.port, '127.0.0.1') : connect(other, 'localhost');
      client.on('close', () => to.destroy());
      to.on('error', () => client.destroy()).write(bytes);
      client.pipe(to).pipe(client);
    });
  });
  await listening(attacker, server.port, '127.0.0.2');
  others.on('request', ({ url }) => (isRebound ||= url === '/rebind'));
  const evil = `http://evil.example:${server.port}`;
  const parameters = { server: `${evil}/mcp`, report, label: 'rebound', rebind: `${evil}/rebind` };
  const rebound = await visit(evil, parameters, '--host-resolver-rules=MAP evil.example 127.0.0.2');
  assert.ok(isRebound);
  shownOnly(rebound, 403, 403);
  assert.equal(await waiting(server, 'rebound'), 'no', 'a call came through');
  step('a page whose host name has been rebound is refused');
  process.exit();
}

setTimeout(() => {
  console.error(`browser: FAILED: no end within ${DEADLINE_SECONDS} s`);
  process.exit(1);
}, DEADLINE_SECONDS * 1000);
main(process.argv.slice(2)).catch((error) => {
  console.error(`browser: FAILED: ${error.message}`, reports.at(-1));
  process.exit(1);
});
