// What a page does with the official client. Runs in the browser, and reports what it has seen.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const parameters = new URLSearchParams(location.search);
const [server, report, label] = ['server', 'report', 'label'].map((name) => parameters.get(name));

const result = { seen: [], errors: [], shown: [] };

// Takes note of what the page is shown. In browsers the official client mirrors no parameters, which
// is done here for it.
async function watched(url, init) {
  const headers = new Headers(init.headers);
  if (init.body?.includes('"mirrored"')) headers.set('Mcp-Param-Value', 'mirrored');
  try {
    const response = await fetch(url, { ...init, headers });
    result.shown.push(response.status);
    return response;
  } catch (error) {
    result.shown.push(error.name);
    throw error;
  }
}

async function connect(mode) {
  const client = new Client({ name: 'page', version: '1.0.0' }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(new URL(server), { fetch: watched });
  await client.connect(transport);
  return [client, transport];
}

const text = (result) => result.content[0].text;

async function use(mode) {
  const [client, transport] = await connect(mode);
  const hasSession = transport.sessionId !== undefined;
  const { tools } = await client.listTools();
  const mirror = tools.find((tool) => tool.description === 'Mirrors its argument').name;
  const greeted = await client.callTool({ name: 'greet', arguments: { name: 'page' } });
  const mirrored = await client.callTool({ name: mirror, arguments: { value: 'mirrored' } });
  let events = 0;
  await client.callTool(
    { name: 'test_tool_with_progress', arguments: {} },
    { onprogress: () => (events += 1) },
  );
  const error = await client.callTool({ name: 'no such tool', arguments: {} }).catch((error) => error);
  if (hasSession) await transport.terminateSession();
  const seen = [
    client.getNegotiatedProtocolVersion(), hasSession, text(greeted), text(mirrored), events, error.code,
  ];
  await client.close();
  return seen;
}

// A call that anybody can see has been made.
async function leaveTraces() {
  const [client] = await connect({ pin: '2026-07-28' });
  client.callTool({ name: 'test_wait', arguments: { label } }).catch(() => {});
  let waiting = 'no';
  for (let turn = 0; turn < 100 && waiting === 'no'; turn++) {
    waiting = text(await client.callTool({ name: 'test_waiting', arguments: { label } }));
  }
  return waiting;
}

// The same without a client, as a request that needs no preflight.
async function sneak() {
  const params = { name: 'test_wait', arguments: { label } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const headers = { 'Content-Type': 'text/plain' };
  const response = await fetch(server, { method: 'POST', mode: 'no-cors', headers, body });
  // Of another origin there is nothing to see but that it was answered.
  result.sneaked = response.type === 'opaque' ? 'opaque' : response.status;
}

async function attempt(what) {
  try {
    return await what();
  } catch (error) {
    result.errors.push(String(error));
  }
}

if (parameters.has('rebind')) await fetch(parameters.get('rebind')).catch(() => {});
for (const mode of [{ pin: '2026-07-28' }, 'legacy']) {
  const seen = await attempt(() => use(mode));
  if (seen) result.seen.push(seen);
}
result.waiting = await attempt(leaveTraces);
if (result.seen.length === 0) await sneak();
await fetch(report, { method: 'POST', mode: 'no-cors', body: JSON.stringify(result) });
