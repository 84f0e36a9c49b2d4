// What every JavaScript client checks; each client file only says how its SDK connects and calls.
//
// A peer is an object of the client file with
//   tools()                              -> names of the listed tools
//   call(name, arguments, onprogress?)   -> [first text, isError]
//   prompt(name, arguments)              -> first text
//   read(uri)                            -> first text
//   complete(prompt, argument, typed)    -> values
//   listen(uri)                          -> { honored, change(), close() }: the filter that the server
//                                           agreed to, if any; the next change, 'tools' or 'prompts' of
//                                           their list or `uri` of what is there
//   cancel(name, arguments, begun)       -> calls a tool, cancels that when `begun()` is done
//   errorCode(error)                     -> the JSON-RPC code the SDK surfaced, or undefined
//   revision                             -> that of the protocol
//   person                               -> the `Person` who answers its server's questions, if any
//   logs                                 -> [level, data] of each log message received
//   http                                 -> the `Http` below it, if it is no stdio
//   errors                               -> what the SDK has reported in passing, to be empty in the end
// A peer on 2026-07-28 also has
//   forge(name)         -> calls a tool as if to go on with a state, which no server has sealed
// A peer on an older revision also has
//   ping()
//   setLogLevel(level)
//   terminate()         -> ends its session
//   abandon()           -> ends its session, but not by means of the SDK, which does not know of it
//   httpStatus(error)   -> that of the response, of which the SDK made the error

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

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

const WATCHED = 'test://watched-resource';

// What a tool asks, in how many rounds, and what it answers to a `Person`.
const QUESTIONS = [
  ['elicitation', ['What is your name?'], 1, 'Hello, Ada!'],
  ['sampling', ['What is the capital of France?'], 1, 'Re: What is the capital of France?'],
  ['list_roots', ['roots'], 1, 'Roots: file:///work/a, file:///work/b'],
  ['request_state', ['Please confirm'], 1, 'state-ok'],
  [
    'multiple_inputs',
    ['What is your name?', 'Write a greeting.', 'roots'],
    1,
    'Re: Write a greeting. Ada, with 2 roots',
  ],
  [
    'multi_round',
    ['Step 1: What is your name?', 'Step 2: Which color do you like?'],
    2,
    'Some("Ada") likes Some("green")',
  ],
];

// What a `Person` writes into the fields of a form.
const ANSWERS = {
  name: 'Ada',
  color: 'green',
  ok: true,
  context: 'tests',
  username: 'ada',
  email: 'ada@example.com',
  age: 36,
  score: 9.5,
  status: 'inactive',
  verified: false,
  untitledSingle: 'option1',
  titledSingle: 'value2',
  legacyEnum: 'option3',
  untitledMulti: ['option1', 'option3'],
  titledMulti: ['value2'],
};

// A server that never answers must fail the run, not hang it.
const DEADLINE_SECONDS = 60;
// What needs nobody's answer is refused at once; this leaves room for a machine at work on other things.
const REFUSAL_SECONDS = 5;

const MODERN = '2026-07-28';

let label = '';
export const setLabel = (text) => (label = text);
export const step = (text) => console.log(`${label}: ${text}`);

export function equal(what, got, expected) {
  const show = (value) => JSON.stringify(value) ?? String(value);
  assert.deepEqual(got, expected, `${what}: expected ${show(expected)}, got ${show(got)}`);
}

// What a client has exchanged with its server below MCP: the `fetch` that it is given.
export class Http {
  posts = 0;
  // [method, status] of each response.
  answers = [];
  // The statuses of those to a GET that would go on with a stream.
  resumed = [];
  fetch = async (url, init) => {
    this.posts += init.method === 'POST';
    const response = await fetch(url, init);
    this.answers.push([init.method, response.status]);
    if (new Headers(init.headers).has('last-event-id')) this.resumed.push(response.status);
    return response;
  };
}

// Who sits before a client, with a model and two folders. Keeps what they are asked.
export class Person {
  action = 'accept';
  asked = [];

  // What a client declares for them, and its handlers of the server's requests.
  static capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
  handlers = {
    'elicitation/create': ({ params: { mode, message, requestedSchema, url } }) => {
      this.asked.push(mode === 'url' ? url : message);
      if (this.action !== 'accept' || mode === 'url') return { action: this.action };
      const fields = Object.keys(requestedSchema.properties).map((field) => [field, ANSWERS[field]]);
      return { action: 'accept', content: Object.fromEntries(fields) };
    },
    'sampling/createMessage': ({ params: { messages } }) => {
      const [{ content }] = messages;
      const { text } = Array.isArray(content) ? content[0] : content;
      this.asked.push(text);
      return { role: 'assistant', model: 'interop', content: { type: 'text', text: `Re: ${text}` } };
    },
    'roots/list': () => {
      this.asked.push('roots');
      return { roots: [{ uri: 'file:///work/a' }, { uri: 'file:///work/b' }] };
    },
  };
}

// What all revisions have, one step each.
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

  await refused(peer, 'an unknown tool', peer.call('no_such_tool', {}), -32602);
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

  const prompt = await peer.prompt('test_prompt_with_arguments', { arg1: 'a', arg2: 'ä' });
  equal('prompt', prompt, "Prompt with arguments: arg1='a', arg2='ä'");
  const values = await peer.complete('test_prompt_with_arguments', 'arg1', 'test');
  equal('completion', values, ['test', 'testing', 'tests']);
  step('a prompt answers, and completes its argument');

  const text = await peer.read('test://static-text');
  equal('resource', text, 'This is the content of the static text resource.');
  const data = '{"data":"Data for ID: 7","id":"7","templateTest":true}';
  equal('resource of a template', await peer.read('test://template/7/data'), data);
  step('a resource and a template answer');
}

// What the server asks: on 2026-07-28 by a round of requests, before within the session.
export async function questions(peer) {
  for (const [name, asked, rounds, text] of QUESTIONS) {
    const call = () => peer.call(`test_input_required_result_${name}`, {});
    equal(name, await asking(peer, name, call, asked, rounds), [text, false]);
  }
  step('sampling, roots, several questions at once, and two rounds with state between them');

  // The very same tool for all revisions.
  for (const [action, text] of [
    ['accept', 'User response: ada ada@example.com'],
    ['decline', 'User response: declined'],
    ['cancel', 'User response: cancelled'],
  ]) {
    peer.person.action = action;
    const message = 'How can we reach you?';
    const call = () => peer.call('test_elicitation', { message });
    equal(action, await asking(peer, action, call, [message], 1), [text, false]);
  }
  peer.person.action = 'accept';
  for (const [name, message] of [
    ['test_elicitation_sep1034_defaults', 'Please check these values.'],
    ['test_elicitation_sep1330_enums', 'Please choose.'],
  ]) {
    const [text, isError] = await asking(peer, name, () => peer.call(name, {}), [message], 1);
    equal(`${name}: ${text}`, text.startsWith('Elicitation completed: Accepted('), true);
    equal(`${name}: isError`, isError, false);
  }
  step('forms are accepted, declined, cancelled, and have fields of all kinds');

  const visit = () => peer.call('test_elicitation_url', {});
  const visited = await asking(peer, 'page', visit, ['https://example.com/sign-in'], 1);
  equal('page', visited, ['The user goes there.', false]);
  step('a page to visit');

  const call = () => peer.prompt('test_input_required_result_prompt', {});
  const prompt = await asking(peer, 'prompt', call, ['What context should the prompt use?'], 1);
  equal('prompt', prompt, 'Use this context: tests');
  step('a prompt asks as well');
}

// Calls that ask, which do not wait for one another.
export async function atOnce(peer) {
  // Distinct questions, so that an answer given to the wrong call is seen.
  const prompts = Array.from({ length: 12 }, (_, n) => `What is ${n} times ${n}?`);
  const calls = () => Promise.all(prompts.map((prompt) => peer.call('test_sampling', { prompt })));
  const answers = await asking(peer, 'calls at once', calls, prompts, prompts.length, prompts.length);
  equal('calls at once', answers, prompts.map((prompt) => [`LLM response: Re: ${prompt}`, false]));
  step('12 calls at once that ask, each its own question and answer');
}

// On 2026-07-28 what a handler knows takes its way through the client.
export async function forgery(peer) {
  const forged = peer.forge('test_input_required_result_tampered_state');
  await refused(peer, 'a forged state', forged, -32602);
  equal('asked after a forged state', peer.person.asked, []);
  step("a state that is not the server's is error -32602");
}

// Makes calls, and checks what the person is asked meanwhile.
async function asking(peer, what, call, questions, rounds, calls = 1) {
  const before = peer.http?.posts;
  const answer = await call();
  // Those of one round come in any order.
  equal(`${what}: questions`, peer.person.asked.toSorted(), questions.toSorted());
  // On 2026-07-28 each round is another request; before, each answer is a message of its own.
  const more = peer.revision === MODERN ? rounds : questions.length;
  if (peer.http) equal(`${what}: requests`, peer.http.posts - before, calls + more);
  peer.person.asked = [];
  return answer;
}

// Log messages, which a client on 2026-07-28 asks for with each request, and others need not.
export async function logs(peer) {
  equal('test_logging_tool', await peer.call('test_logging_tool', {}), ['logged', false]);
  const expected = [
    ['info', 'Tool execution started'],
    ['error', { reason: 'none', test: true }],
  ];
  equal('log messages', peer.logs, expected);
  step('log messages arrive');
}

// A client that no longer wants its answer.
export async function cancellation(peer) {
  const waiting = async () => (await peer.call('test_waiting', { label }))[0];
  await peer.cancel('test_wait', { label }, async () => {
    while ((await waiting()) !== 'yes') await sleep(20);
  });
  let still = 'yes';
  for (let turn = 0; turn < 100 && still === 'yes'; turn++) {
    await sleep(20);
    still = await waiting();
  }
  equal('still waiting after it was cancelled', still, 'no');
  step('a slow tool is cancelled, and no longer runs');

  if (!peer.http) return;
  // A stream that ended without an answer: each SDK comes back twice for the rest, and gives up.
  const gaveUp = 'Maximum reconnection attempts (2) exceeded.';
  for (let turn = 0; turn < 250 && !peer.errors.includes(gaveUp); turn++) await sleep(20);
  equal('resumptions of a cancelled call', peer.http.resumed.splice(0), [400, 400]);
  const others = peer.errors.splice(0).filter((error) => !/SSE stream: Bad Request$/.test(error));
  equal('errors reported by the client', others, [gaveUp]);
  step('of a cancelled call nothing is left to come back for');
}

// What a client on 2026-07-28 need not ask for before it has changed.
export async function caching(peer) {
  const listed = await peer.tools();
  let before = peer.http.posts;
  equal('tools from the cache', await peer.tools(), listed);
  equal('requests for tools in the cache', peer.http.posts - before, 0);
  await peer.read(WATCHED);
  await peer.read(WATCHED);
  equal('requests for what is not to be kept', peer.http.posts - before, 2);
  step('tools/list is kept, resources are not');

  const subscription = await peer.listen(WATCHED);
  await peer.call('test_trigger_tool_change', {});
  equal('change', await subscription.change(), 'tools');
  before = peer.http.posts;
  equal('tools after a change', await peer.tools(), listed);
  equal('requests for tools after a change', peer.http.posts - before, 1);
  await subscription.close();
  step('the kept list is stale after a change');
}

// Changes: a client on 2026-07-28 listens for some, others get those of lists unasked.
export async function changes(peer) {
  const subscription = await peer.listen(WATCHED);
  if (peer.revision === MODERN) {
    const expected = { toolsListChanged: true, resourceSubscriptions: [WATCHED] };
    equal('filter', subscription.honored, expected);
    // For this it does not listen.
    await peer.call('test_trigger_prompt_change', {});
  }
  // Nobody has subscribed to this one.
  await peer.call('test_trigger_resource_update', { uri: 'test://static-text' });
  for (let turn = 0; turn < 2; turn++) {
    await peer.call('test_trigger_tool_change', {});
    equal('change', await subscription.change(), 'tools');
    await peer.call('test_trigger_resource_update', { uri: WATCHED });
    equal('change', await subscription.change(), WATCHED);
  }
  await subscription.close();
  step('changes are heard, of what was asked for only');

  await peer.call('test_trigger_resource_update', { uri: WATCHED });
  if (peer.revision !== MODERN) {
    await peer.call('test_trigger_prompt_change', {});
    equal('change after unsubscribing', await subscription.change(), 'prompts');
  }
  equal('greet after listening', await peer.call('greet', { name: 'you' }), ['Hello, you!', false]);
  step('no longer listens, and the connection lives on');
}

// A client that has declared nothing and asked for nothing.
export async function stranger(peer) {
  for (const name of ['test_missing_capability', 'test_input_required_result_elicitation']) {
    await refused(peer, name, peer.call(name, {}), -32021);
  }
  const prompt = peer.prompt('test_input_required_result_prompt', {});
  await refused(peer, 'the prompt', prompt, -32021);
  equal('test_logging_tool', await peer.call('test_logging_tool', {}), ['logged', false]);
  // Without logging/setLevel the 2025 revisions leave it to the server what to send.
  equal('log messages', peer.logs.length, peer.revision === MODERN ? 0 : 2);
  step('who cannot be asked gets error -32021, and who wants none on 2026-07-28 no log messages');
}

// What only the 2025 revisions have.
export async function session(peer) {
  if (peer.http) {
    const streams = peer.http.answers.filter(([method, status]) => method === 'GET' && status === 200);
    equal('GET streams', streams.length, 1);
  }
  await peer.ping();
  equal('test_ping', await peer.call('test_ping', {}), ['The client is there.', false]);
  step('client and server ping each other');

  for (const [level, heard] of [
    ['error', ['error']],
    ['critical', []],
    ['debug', ['info', 'error']],
  ]) {
    peer.logs.length = 0;
    await peer.setLogLevel(level);
    await peer.call('test_logging_tool', {});
    equal(`log messages at ${level}`, peer.logs.map(([level]) => level), heard);
  }
  step('logging/setLevel says which log messages arrive');

  equal('test_reconnection', await peer.call('test_reconnection', {}), ['Reconnected.', false]);
  // Older clients would not come back, so theirs is not released.
  const expected = peer.revision === '2025-11-25' ? [200] : [];
  if (peer.http) equal('reconnections', peer.http.resumed, expected);
  step('a call that lets go of its connection is answered all the same');
}

// A client that ends its session.
export async function end(peer) {
  await peer.terminate();
  equal('end of the session', peer.http.answers.at(-1), ['DELETE', 204]);
  await peer.close();
}

// A session that has ended without its client.
export async function deadSession(peer) {
  equal('greet', await peer.call('greet', { name: 'you' }), ['Hello, you!', false]);
  await peer.abandon();
  const error = await failure('a call in a dead session', peer.call('greet', { name: 'nobody' }));
  equal(`HTTP status (${error.message})`, peer.httpStatus(error), 404);
  equal('errors reported by the client', peer.errors.splice(0), [error.message]);
  step('a session that has ended is HTTP status 404, and the client is told');
}

async function refused(peer, what, call, code) {
  const error = await failure(what, call);
  equal(`error code of ${what} (${error.message})`, peer.errorCode(error), code);
}

async function failure(what, call) {
  const late = sleep(REFUSAL_SECONDS * 1000, undefined, { ref: false }).then(() =>
    assert.fail(`${what} was not answered within ${REFUSAL_SECONDS} s`),
  );
  const answered = call.then(
    (result) => assert.fail(`${what} gave a result: ${JSON.stringify(result)}`),
    (error) => error,
  );
  return Promise.race([answered, late]);
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
// Returns what has been reported, and how to close: without the handler, because closing aborts the
// client's own requests.
export function strict(client) {
  const errors = [];
  client.onerror = (error) => errors.push(error.message);
  const close = async () => {
    client.onerror = undefined;
    await client.close();
    equal('errors reported by the client', errors, []);
  };
  return { errors, close };
}

// Runs main(conformanceUrl, echoUrl, mathUrl, command), the last of which runs the conformance server over
// stdio; exit status 1 with one clear line on failure.
export async function run(clientName, main) {
  setLabel(clientName);
  const fail = (text) => {
    console.error(`${label}: FAILED: ${text}`);
    process.exit(1);
  };
  const [urls, command] = [process.argv.slice(2, 5), process.argv.slice(5)];
  if (command.length < 1) fail('usage: <conformance-url> <echo-url> <math-url> <command>...');
  const deadline = setTimeout(() => fail(`no end within ${DEADLINE_SECONDS} s`), DEADLINE_SECONDS * 1000);
  try {
    await main(...urls.map((url) => new URL(url)), command);
  } catch (error) {
    fail(error.message);
  }
  clearTimeout(deadline);
  setLabel(clientName);
  step('ok');
}
