// The official TypeScript SDK, 1.x: speaks the 2025 revisions only.

import assert from 'node:assert/strict';
import { EventEmitter, on } from 'node:events';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  McpError,
  PromptListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import * as checks from './checks.mjs';
import { equal, outcomeOf, run, setLabel, step, strict, twoServers } from './checks.mjs';

const REVISION = '2025-11-25';

// The transport to a server at a URL, or that a command runs, and what is below it.
function transportTo(server) {
  if (Array.isArray(server)) {
    const [command, ...args] = server;
    return [new StdioClientTransport({ command, args }), undefined];
  }
  const http = new checks.Http();
  return [new StreamableHTTPClientTransport(server, { fetch: http.fetch }), http];
}

async function connect(server, person) {
  const logs = [];
  const changes = new EventEmitter();
  const client = new Client(
    { name: 'interop', version: '1.0.0' },
    { capabilities: person ? checks.Person.capabilities : {} },
  );
  if (person) {
    client.setRequestHandler(ElicitRequestSchema, person.handlers['elicitation/create']);
    client.setRequestHandler(CreateMessageRequestSchema, person.handlers['sampling/createMessage']);
    client.setRequestHandler(ListRootsRequestSchema, person.handlers['roots/list']);
  }
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    logs.push([params.level, params.data]);
  });
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    changes.emit('change', 'tools');
  });
  client.setNotificationHandler(PromptListChangedNotificationSchema, () => {
    changes.emit('change', 'prompts');
  });
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
    changes.emit('change', params.uri);
  });
  const { errors, close } = strict(client);
  const [transport, http] = transportTo(server);
  await client.connect(transport);
  if (http) {
    equal('negotiated revision', transport.protocolVersion, REVISION);
    equal('has a session', transport.sessionId !== undefined, true);
  }
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, onprogress) =>
      outcomeOf(await client.callTool({ name, arguments: args }, undefined, { onprogress })),
    cancel: async (name, args, begun) => {
      const abort = new AbortController();
      const { signal } = abort;
      const cancelled = assert.rejects(client.callTool({ name, arguments: args }, undefined, { signal }));
      await begun();
      abort.abort();
      await cancelled;
    },
    prompt: async (name, args) =>
      (await client.getPrompt({ name, arguments: args })).messages[0].content.text,
    read: async (uri) => (await client.readResource({ uri })).contents[0].text,
    complete: async (prompt, name, value) => {
      const ref = { type: 'ref/prompt', name: prompt };
      return (await client.complete({ ref, argument: { name, value } })).completion.values;
    },
    listen: async (uri) => {
      const heard = on(changes, 'change');
      await client.subscribeResource({ uri });
      return {
        change: async () => (await heard.next()).value[0],
        close: () => client.unsubscribeResource({ uri }),
      };
    },
    ping: () => client.ping(),
    setLogLevel: (level) => client.setLoggingLevel(level),
    terminate: () => transport.terminateSession(),
    abandon: () =>
      fetch(server, { method: 'DELETE', headers: { 'Mcp-Session-Id': transport.sessionId } }),
    errorCode: (error) => (error instanceof McpError ? error.code : undefined),
    httpStatus: (error) => (error instanceof StreamableHTTPError ? error.code : undefined),
    revision: REVISION,
    person,
    logs,
    http,
    errors,
    close,
  };
}

async function everything(peer) {
  await checks.conformanceServer(peer);
  await checks.questions(peer);
  await checks.atOnce(peer);
  await checks.logs(peer);
  await checks.changes(peer);
  await checks.cancellation(peer);
  await checks.session(peer);
}

await run('js sdk 1.x', async (conformanceUrl, echoUrl, mathUrl, command) => {
  const peer = await connect(conformanceUrl, new checks.Person());
  step(`connected, ${REVISION}`);
  await everything(peer);
  await checks.end(peer);
  step('disconnected');

  const stranger = await connect(conformanceUrl);
  await checks.stranger(stranger);
  await checks.deadSession(stranger);
  await stranger.close();

  const [echo, math] = await Promise.all([connect(echoUrl), connect(mathUrl)]);
  await twoServers(echo, math);
  await echo.close();
  await math.close();

  setLabel('js sdk 1.x, stdio');
  const launched = await connect(command, new checks.Person());
  await everything(launched);
  await launched.close();
  const silent = await connect(command);
  await checks.stranger(silent);
  await silent.close();
});
