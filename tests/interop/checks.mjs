// What every JavaScript client checks; each client file only says how its SDK connects and calls.
//
// A peer is an object of the client file with
//   tools()                              -> names of the listed tools
//   call(name, arguments, onprogress?)   -> [first text, isError]
//   errorCode(error)                     -> the JSON-RPC code the SDK surfaced, or undefined

import assert from 'node:assert/strict';

const TOOLS = [
  'test_simple_text',
  'test_image_content',
  'test_audio_content',
  'test_embedded_resource',
  'test_multiple_content_types',
  'test_error_handling',
  'test_tool_with_progress',
  'greet',
];
const SIMPLE_TEXT = 'This is a simple text response for testing.';
const ERROR_TEXT = 'This tool intentionally returns an error for testing';

// A server that never answers must fail the run, not hang it.
const DEADLINE_SECONDS = 60;

let label = '';
export const setLabel = (text) => (label = text);
export const step = (text) => console.log(`${label}: ${text}`);

export function equal(what, got, expected) {
  const show = (value) => JSON.stringify(value) ?? String(value);
  assert.deepEqual(got, expected, `${what}: expected ${show(expected)}, got ${show(got)}`);
}

// The tools of the conformance server, one step each.
export async function conformanceServer(peer) {
  const listed = await peer.tools();
  equal('tools missing from tools/list', TOOLS.filter((name) => !listed.includes(name)), []);
  step(`tools/list names the ${TOOLS.length} expected tools`);

  equal('greet', await peer.call('greet', { name: 'interop' }), ['Hello, interop!', false]);
  step('greet answers');

  equal('test_simple_text', await peer.call('test_simple_text', {}), [SIMPLE_TEXT, false]);
  step('test_simple_text answers');

  equal('test_error_handling', await peer.call('test_error_handling', {}), [ERROR_TEXT, true]);
  step('test_error_handling is a result with isError');

  await progress(peer);
  step('test_tool_with_progress: 0, 50, 100 of 100, then its text');

  const outcome = await peer.call('no_such_tool', {}).then(
    (result) => assert.fail(`an unknown tool gave a result: ${JSON.stringify(result)}`),
    (error) => error,
  );
  equal(`error code of an unknown tool (${outcome.message})`, peer.errorCode(outcome), -32602);
  // The client must not have torn its connection down over the HTTP status, so look again.
  equal('greet after an error', await peer.call('greet', { name: 'again' }), ['Hello, again!', false]);
  step('an unknown tool is error -32602 and the connection lives on');

  // Distinct arguments, so that an answer given to the wrong call is seen.
  const names = Array.from({ length: 16 }, (_, n) => `caller-${n}`);
  const [greetings] = await Promise.all([
    Promise.all(names.map((name) => peer.call('greet', { name }))),
    ...Array.from({ length: 4 }, () => progress(peer)),
  ]);
  names.forEach((name, n) => equal('concurrent greets', greetings[n], [`Hello, ${name}!`, false]));
  step('16 greets and 4 calls with progress at once, each its own answer');
}

async function progress(peer) {
  const seen = [];
  const [text, isError] = await peer.call('test_tool_with_progress', {}, ({ progress, total }) =>
    seen.push([progress, total]),
  );
  equal('progress [value, total]', seen, [[0, 100], [50, 100], [100, 100]]);
  equal('progress call: isError', isError, false);
  assert.ok(text, 'progress call: no text in the result');
}

// Two servers on one listener, a client of each: the second must answer as well as the first.
export async function twoServers(echo, math) {
  equal('tools of the math server', await math.tools(), ['add']);
  equal('add', await math.call('add', { a: 2, b: 3.5 }), ['5.5', false]);
  equal('tools of the echo server', await echo.tools(), ['echo']);
  equal('echo', await echo.call('echo', { message: 'héllo' }), ['héllo', false]);
  const eight = Array.from({ length: 8 }, (_, n) => n);
  const answers = await Promise.all([
    ...eight.map((n) => math.call('add', { a: n, b: 0.5 })),
    ...eight.map((n) => echo.call('echo', { message: `m${n}` })),
  ]);
  equal('both at once', answers, [...eight.map((n) => [`${n}.5`, false]), ...eight.map((n) => [`m${n}`, false])]);
  step('two servers on one listener: both answer, also at once');
}

// The first text of a CallToolResult and whether it is an error (absent means it is not).
export const outcomeOf = (result) => [result.content[0].text, result.isError ?? false];

// Makes what a client otherwise reports only in passing (an unreadable event, an odd status) a failure.
// Returns how to close: without the handler, because closing aborts the client's own requests.
export function strict(client) {
  const errors = [];
  client.onerror = (error) => errors.push(error.message);
  return async () => {
    client.onerror = undefined;
    await client.close();
    equal('errors reported by the client', errors, []);
  };
}

// Runs main(conformanceUrl, echoUrl, mathUrl); exit status 1 with one clear line on failure.
export async function run(clientName, main) {
  setLabel(clientName);
  const fail = (text) => {
    console.error(`${label}: FAILED: ${text}`);
    process.exit(1);
  };
  const urls = process.argv.slice(2);
  if (urls.length !== 3) fail('usage: <conformance-url> <echo-url> <math-url>');
  const deadline = setTimeout(() => fail(`no end within ${DEADLINE_SECONDS} s`), DEADLINE_SECONDS * 1000);
  try {
    await main(...urls.map((url) => new URL(url)));
  } catch (error) {
    fail(error.message);
  }
  clearTimeout(deadline);
  setLabel(clientName);
  step('ok');
}
