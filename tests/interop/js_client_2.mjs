// The official TypeScript client, 2.x: speaks 2026-07-28, and the 2025 revisions in legacy mode.

import { Client, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { conformanceServer, equal, outcomeOf, run, setLabel, step, strict, twoServers } from './checks.mjs';

// 'auto' falls back to initialize where the probe fails, a pin does not, 'legacy' does not probe.
const MODES = [
  { name: 'auto', mode: 'auto', revision: '2026-07-28', era: 'modern' },
  { name: 'pin', mode: { pin: '2026-07-28' }, revision: '2026-07-28', era: 'modern' },
  { name: 'legacy', mode: 'legacy', revision: '2025-11-25', era: 'legacy' },
];

async function connect(url, { mode, revision, era }) {
  const client = new Client({ name: 'interop', version: '1.0.0' }, { versionNegotiation: { mode } });
  const close = strict(client);
  const transport = new StreamableHTTPClientTransport(url);
  await client.connect(transport);
  equal('negotiated revision', client.getNegotiatedProtocolVersion(), revision);
  equal('era', client.getProtocolEra(), era);
  equal('session id of a stateless server', transport.sessionId, undefined);
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, onprogress) =>
      outcomeOf(await client.callTool({ name, arguments: args }, { onprogress })),
    errorCode: (error) => (error instanceof ProtocolError ? error.code : undefined),
    close,
  };
}

await run('js client 2.x', async (conformanceUrl, echoUrl, mathUrl) => {
  for (const mode of MODES) {
    setLabel(`js client 2.x, ${mode.name}`);
    const peer = await connect(conformanceUrl, mode);
    step(`connected, ${mode.revision}`);
    await conformanceServer(peer);
    await peer.close();
    step('disconnected');

    const [echo, math] = await Promise.all([connect(echoUrl, mode), connect(mathUrl, mode)]);
    await twoServers(echo, math);
    await echo.close();
    await math.close();
  }
});
