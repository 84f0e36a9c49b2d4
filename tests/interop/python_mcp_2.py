"""The official Python SDK, 2.x: speaks 2026-07-28, and the 2025 revisions in legacy mode."""

from contextlib import asynccontextmanager

import checks
import httpx2
from mcp import Client, MCPError, types
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ToolsListChanged

# "auto" probes with server/discover, a revision is used without a probe, "legacy" sends initialize.
MODES = {"auto": "2026-07-28", "2026-07-28": "2026-07-28", "legacy": "2025-11-25"}


class Peer:
    def __init__(self, client, person, logs, sent):
        self.client = client
        self.person = person
        self.logs = logs
        self._sent = sent

    @property
    def sent(self):
        return len(self._sent)

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        result = await self.client.call_tool(name, arguments, progress_callback=on_progress)
        return result.content[0].text, result.is_error

    async def forge(self, name):
        return await self.client.call_tool(name, {}, request_state="forged")

    async def prompt(self, name, arguments):
        return (await self.client.get_prompt(name, arguments)).messages[0].content.text

    async def read(self, uri):
        return (await self.client.read_resource(uri)).contents[0].text

    async def complete(self, prompt, argument, typed):
        reference = types.PromptReference(name=prompt)
        result = await self.client.complete(reference, {"name": argument, "value": typed})
        return result.completion.values

    @asynccontextmanager
    async def listen(self, uri):
        async with self.client.listen(tools_list_changed=True, resource_subscriptions=[uri]) as changes:

            async def next_change():
                change = await anext(changes)
                return "tools" if change == ToolsListChanged() else change.uri

            yield changes.honored.model_dump(by_alias=True, exclude_none=True), next_change

    @staticmethod
    def error_code(error):
        return error.error.code if isinstance(error, MCPError) else None


@asynccontextmanager
async def connect(url, mode, person=None):
    logs, sent, options = [], [], {}

    async def log(params):
        logs.append((params.level, params.data))

    async def count(request):
        sent.append(request.method)

    if person:
        options = person.callbacks(types) | {"log_level": "info"}
    async with httpx2.AsyncClient(timeout=30, event_hooks={"request": [count]}) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode, logging_callback=log, **options) as client:
            checks.equal("negotiated revision", client.protocol_version, MODES[mode])
            yield Peer(client, person, logs, sent)


async def main(conformance_url, echo_url, math_url):
    for mode, revision in MODES.items():
        checks.label = f"python mcp 2.x, {mode}"
        async with connect(conformance_url, mode, checks.Person()) as peer:
            checks.step(f"connected, {revision}")
            await checks.conformance_server(peer)
            if mode == "legacy":
                await checks.legacy(peer)
            else:
                await checks.questions(peer)
                await checks.logs(peer)
                await checks.changes(peer)
        if mode != "legacy":
            async with connect(conformance_url, mode) as peer:
                await checks.stranger(peer)
        checks.step("disconnected")
        async with connect(echo_url, mode) as echo, connect(math_url, mode) as math:
            await checks.two_servers(echo, math)


checks.run("python mcp 2.x", main)
