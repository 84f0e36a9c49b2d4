"""The official Python SDK, 2.x: speaks 2026-07-28, and the 2025 revisions in legacy mode."""

from contextlib import asynccontextmanager

import checks
from mcp import Client, MCPError

# "auto" probes with server/discover, a revision is used without a probe, "legacy" sends initialize.
MODES = {"auto": "2026-07-28", "2026-07-28": "2026-07-28", "legacy": "2025-11-25"}


class Peer:
    def __init__(self, client):
        self.client = client

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        result = await self.client.call_tool(name, arguments, progress_callback=on_progress)
        return result.content[0].text, result.is_error

    @staticmethod
    def error_code(error):
        return error.error.code if isinstance(error, MCPError) else None


@asynccontextmanager
async def connect(url, mode):
    async with Client(url, mode=mode) as client:
        checks.equal("negotiated revision", client.protocol_version, MODES[mode])
        yield Peer(client)


async def main(conformance_url, echo_url, math_url):
    for mode, revision in MODES.items():
        checks.label = f"python mcp 2.x, {mode}"
        async with connect(conformance_url, mode) as peer:
            checks.step(f"connected, {revision}")
            await checks.conformance_server(peer)
        checks.step("disconnected")
        async with connect(echo_url, mode) as echo, connect(math_url, mode) as math:
            await checks.two_servers(echo, math)


checks.run("python mcp 2.x", main)
