// The official TypeScript SDK, 1.x: speaks the 2025 revisions only.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { conformanceServer, equal, outcomeOf, run, step, strict, twoServers } from './checks.mjs';

async function connect(url) {
  const client = new Client({ name: 'interop', version: '1.0.0' });
  const close = strict(client);
  const transport = new StreamableHTTPClientTransport(url);
  await client.connect(transport);
  equal('negotiated revision', transport.protocolVersion, '2025-11-25');
  equal('session id of a stateless server', transport.sessionId, undefined);
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, onprogress) =>
      outcomeOf(await client.callTool({ name, arguments: args }, undefined, { onprogress })),
    errorCode: (error) => (error instanceof McpError ? error.code : undefined),
    close,
  };
}

await run('js sdk 1.x', async (conformanceUrl, echoUrl, mathUrl) => {
  const peer = await connect(conformanceUrl);
  step('connected, 2025-11-25');
  await conformanceServer(peer);
  await peer.close();
  step('disconnected');

  const [echo, math] = await Promise.all([connect(echoUrl), connect(mathUrl)]);
  await twoServers(echo, math);
  await echo.close();
  await math.close();
});
