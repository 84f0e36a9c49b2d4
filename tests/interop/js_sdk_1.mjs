// The official TypeScript SDK, 1.x: speaks the 2025 revisions only.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js';
import * as checks from './checks.mjs';
import { equal, outcomeOf, run, step, strict, twoServers } from './checks.mjs';

async function connect(url) {
  const person = new checks.Person();
  const logs = [];
  const client = new Client(
    { name: 'interop', version: '1.0.0' },
    { capabilities: checks.Person.capabilities },
  );
  client.setRequestHandler(ElicitRequestSchema, person.handlers['elicitation/create']);
  client.setRequestHandler(CreateMessageRequestSchema, person.handlers['sampling/createMessage']);
  client.setRequestHandler(ListRootsRequestSchema, person.handlers['roots/list']);
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    logs.push([params.level, params.data]);
  });
  const close = strict(client);
  const transport = new StreamableHTTPClientTransport(url);
  await client.connect(transport);
  equal('negotiated revision', transport.protocolVersion, '2025-11-25');
  equal('session id of a stateless server', transport.sessionId, undefined);
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, onprogress) =>
      outcomeOf(await client.callTool({ name, arguments: args }, undefined, { onprogress })),
    prompt: async (name, args) =>
      (await client.getPrompt({ name, arguments: args })).messages[0].content.text,
    read: async (uri) => (await client.readResource({ uri })).contents[0].text,
    complete: async (prompt, name, value) => {
      const ref = { type: 'ref/prompt', name: prompt };
      return (await client.complete({ ref, argument: { name, value } })).completion.values;
    },
    person,
    logs,
    errorCode: (error) => (error instanceof McpError ? error.code : undefined),
    close,
  };
}

await run('js sdk 1.x', async (conformanceUrl, echoUrl, mathUrl) => {
  const peer = await connect(conformanceUrl);
  step('connected, 2025-11-25');
  await checks.conformanceServer(peer);
  await checks.legacy(peer);
  await peer.close();
  step('disconnected');

  const [echo, math] = await Promise.all([connect(echoUrl), connect(mathUrl)]);
  await twoServers(echo, math);
  await echo.close();
  await math.close();
});
