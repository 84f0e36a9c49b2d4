// The official TypeScript client, 2.x: speaks 2026-07-28, and the 2025 revisions in legacy mode.

import assert from 'node:assert/strict';
import { EventEmitter, on } from 'node:events';

import {
  Client,
  LOG_LEVEL_META_KEY,
  ProtocolError,
  SdkHttpError,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import * as checks from './checks.mjs';
import { equal, outcomeOf, run, setLabel, step, strict, twoServers } from './checks.mjs';

// 'auto' falls back to initialize where the probe fails, a pin does not, 'legacy' does not probe.
const MODES = [
  { name: 'auto', mode: 'auto', revision: '2026-07-28', era: 'modern' },
  { name: 'pin', mode: { pin: '2026-07-28' }, revision: '2026-07-28', era: 'modern' },
  { name: 'legacy', mode: 'legacy', revision: '2025-11-25', era: 'legacy' },
  { name: 'legacy, 2025-06-18', mode: 'legacy', revision: '2025-06-18', era: 'legacy', old: true },
  { name: 'legacy, 2025-03-26', mode: 'legacy', revision: '2025-03-26', era: 'legacy', old: true },
];

// The transport to a server at a URL, or that a command runs, and what is below it.
function transportTo(server) {
  if (Array.isArray(server)) {
    const [command, ...args] = server;
    return [new StdioClientTransport({ command, args }), undefined];
  }
  const http = new checks.Http();
  return [new StreamableHTTPClientTransport(server, { fetch: http.fetch }), http];
}

async function connect(server, { mode, revision, era }, person) {
  const client = new Client(
    { name: 'interop', version: '1.0.0' },
    {
      versionNegotiation: { mode },
      supportedProtocolVersions: mode === 'legacy' ? [revision] : undefined,
      capabilities: person ? checks.Person.capabilities : {},
    },
  );
  for (const [method, handler] of Object.entries(person?.handlers ?? {})) {
    client.setRequestHandler(method, handler);
  }
  const logs = [];
  client.setNotificationHandler('notifications/message', ({ params }) => {
    logs.push([params.level, params.data]);
  });
  const { errors, close } = strict(client);
  const [transport, http] = transportTo(server);
  await client.connect(transport);
  equal('negotiated revision', client.getNegotiatedProtocolVersion(), revision);
  equal('era', client.getProtocolEra(), era);
  if (http) equal('has a session', transport.sessionId !== undefined, era === 'legacy');
  // The client has no option for this: it is said with each call.
  const _meta = person && era === 'modern' ? { [LOG_LEVEL_META_KEY]: 'info' } : undefined;
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, onprogress) =>
      outcomeOf(await client.callTool({ name, arguments: args, _meta }, { onprogress })),
    cancel: async (name, args, begun) => {
      const abort = new AbortController();
      const { signal } = abort;
      const cancelled = assert.rejects(client.callTool({ name, arguments: args }, { signal }));
      await begun();
      abort.abort();
      await cancelled;
    },
    forge: (name) => client.callTool({ name, arguments: {}, requestState: 'forged' }),
    prompt: async (name, args) =>
      (await client.getPrompt({ name, arguments: args })).messages[0].content.text,
    read: async (uri) => (await client.readResource({ uri })).contents[0].text,
    complete: async (prompt, name, value) => {
      const ref = { type: 'ref/prompt', name: prompt };
      return (await client.complete({ ref, argument: { name, value } })).completion.values;
    },
    listen: (uri) => listen(client, era, uri),
    ping: () => client.ping(),
    setLogLevel: (level) => client.setLoggingLevel(level),
    terminate: () => transport.terminateSession(),
    abandon: () =>
      fetch(server, { method: 'DELETE', headers: { 'Mcp-Session-Id': transport.sessionId } }),
    errorCode: (error) => (error instanceof ProtocolError ? error.code : undefined),
    httpStatus: (error) => (error instanceof SdkHttpError ? error.status : undefined),
    revision,
    person,
    logs,
    http,
    errors,
    close,
  };
}

async function listen(client, era, uri) {
  const emitter = new EventEmitter();
  const changes = on(emitter, 'change');
  const change = async () => (await changes.next()).value[0];
  for (const list of ['tools', 'prompts', 'resources']) {
    client.setNotificationHandler(`notifications/${list}/list_changed`, () => emitter.emit('change', list));
  }
  client.setNotificationHandler('notifications/resources/updated', ({ params }) =>
    emitter.emit('change', params.uri),
  );
  if (era === 'legacy') {
    await client.subscribeResource({ uri });
    return { change, close: () => client.unsubscribeResource({ uri }) };
  }
  const filter = { toolsListChanged: true, resourceSubscriptions: [uri] };
  const subscription = await client.listen(filter);
  return {
    honored: subscription.honoredFilter,
    change,
    close: async () => {
      await subscription.close();
      equal('why listening has ended', await subscription.closed, 'local');
    },
  };
}

await run('js client 2.x', async (conformanceUrl, echoUrl, mathUrl, command) => {
  for (const mode of MODES) {
    setLabel(`js client 2.x, ${mode.name}`);
    const peer = await connect(conformanceUrl, mode, new checks.Person());
    step(`connected, ${mode.revision}`);
    await checks.conformanceServer(peer);
    // Forms came with 2025-06-18; pages, choices of several, and coming back with 2025-11-25.
    if (!mode.old) await checks.questions(peer);
    await checks.atOnce(peer);
    await checks.logs(peer);
    await checks.changes(peer);
    if (mode.era === 'legacy') {
      if (!mode.old) await checks.cancellation(peer);
      await checks.session(peer);
      await checks.end(peer);
    } else {
      await checks.forgery(peer);
      await checks.caching(peer);
      await peer.close();
    }
    step('disconnected');

    const stranger = await connect(conformanceUrl, mode);
    await checks.stranger(stranger);
    if (mode.era === 'legacy') await checks.deadSession(stranger);
    await stranger.close();

    const [echo, math] = await Promise.all([connect(echoUrl, mode), connect(mathUrl, mode)]);
    await twoServers(echo, math);
    await echo.close();
    await math.close();

    setLabel(`js client 2.x, ${mode.name}, stdio`);
    const launched = await connect(command, mode, new checks.Person());
    await checks.conformanceServer(launched);
    if (!mode.old) await checks.questions(launched);
    await checks.atOnce(launched);
    await checks.logs(launched);
    await checks.changes(launched);
    await checks.cancellation(launched);
    if (mode.era === 'legacy') {
      await checks.session(launched);
    } else {
      await checks.forgery(launched);
    }
    await launched.close();
    const silent = await connect(command, mode);
    await checks.stranger(silent);
    await silent.close();
  }
});
