// The command line of MCP Inspector, against a server that lets in only who has a token: the example
// `protected`.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { equal, setLabel, step } from './checks.mjs';

const INSPECTOR = fileURLToPath(new URL('node_modules/.bin/mcp-inspector', import.meta.url));
const TIMEOUT_MS = 30_000;

const NO_TOKEN = 'a token is needed';
const WRONG_TOKEN = 'invalid token: nobody has this token';
// Inspector's exit status for a server that wants to know who asks.
const AUTH_REQUIRED = 3;

// What Inspector calls the revisions. Of a 401 it shows what the server says, or the status.
const ERAS = [
  ['legacy', (words) => words],
  ['modern', () => 'HTTP 401'],
];

// Runs Inspector with a token, if there is one: [exit status, its result or error].
function inspect(url, era, token, ...args) {
  const header = token === undefined ? [] : ['--header', `Authorization: Bearer ${token}`];
  // It would have a person log in otherwise.
  const fixed = ['--protocol-era', era, '--format', 'json', '--stored-auth-only'];
  const all = [INSPECTOR, '--cli', url, '--transport', 'http', ...fixed, ...header, ...args];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, all, { timeout: TIMEOUT_MS }, (failure, stdout, stderr) => {
      try {
        const said = JSON.parse(failure ? stderr : stdout);
        resolve([failure?.code ?? 0, failure ? said.error : said.result]);
      } catch {
        reject(new Error(`Inspector said neither result nor error: ${failure}\n${stdout}${stderr}`));
      }
    });
  });
}

// What the server answers to such a request, whatever Inspector makes of it.
async function statusOf(url, token) {
  const headers = { 'Content-Type': 'application/json' };
  if (token !== undefined) headers.Authorization = `Bearer ${token}`;
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const response = await fetch(url, { method: 'POST', headers, body });
  await response.body?.cancel();
  return response.status;
}

async function check(url, era, shown) {
  setLabel(`inspector, ${era}`);
  const run = (token, ...args) => inspect(url, era, token, '--method', ...args);
  const call = (token, tool) => run(token, 'tools/call', '--tool-name', tool);

  const [listed, { tools }] = await run('reader', 'tools/list');
  equal('exit status of tools/list', listed, 0);
  equal('tools', tools?.map((tool) => tool.name), ['whoami', 'erase']);
  step('lists tools with a token');

  for (const [token, tool, text] of [
    ['reader', 'whoami', 'rita'],
    ['writer', 'whoami', 'walter'],
    ['writer', 'erase', 'They are gone.'],
  ]) {
    const [status, result] = await call(token, tool);
    equal(`exit status of ${tool} as ${token}`, status, 0);
    equal(`what ${tool} says to ${token}`, result.content?.[0].text, text);
  }
  step('calls tools as who has the token');

  for (const [token, words] of [[undefined, NO_TOKEN], ['wrong', WRONG_TOKEN]]) {
    equal(`HTTP status with the token ${token}`, await statusOf(url, token), 401);
    for (const [what, refused] of [
      ['tools/list', await run(token, 'tools/list')],
      ['whoami', await call(token, 'whoami')],
    ]) {
      const [status, error] = refused;
      const title = `${what} with the token ${token}`;
      equal(`exit status of ${title}`, [status, error.code], [AUTH_REQUIRED, 'auth_required']);
      equal(`${title}: ${error.message}`, error.message.includes(shown(words)), true);
    }
  }
  step('is refused without a token, and with a wrong one');

  // 403, with what is missing.
  const [status, error] = await call('reader', 'erase');
  equal('exit status of erase as reader', status, 1);
  equal(`erase as reader: ${error.message}`, error.message.includes('"notes:write"'), true);
  step('learns what its token lacks');
}

try {
  for (const [era, shown] of ERAS) {
    await check(process.argv[2], era, shown);
  }
} catch (error) {
  step(`FAILED: ${error.message}`);
  process.exitCode = 1;
}
