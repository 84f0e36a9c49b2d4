"""The official Python SDK, 2.x: speaks 2026-07-28, and the 2025 revisions in legacy mode."""

import asyncio
import warnings
from contextlib import asynccontextmanager

import checks
import httpx2
from mcp import Client, MCPDeprecationWarning, MCPError, types
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ToolsListChanged

# "auto" probes with server/discover, a revision is used without a probe, "legacy" sends initialize.
MODES = {"auto": "2026-07-28", "2026-07-28": "2026-07-28", "legacy": "2025-11-25"}

# It is the legacy mode that is tested.
warnings.simplefilter("ignore", MCPDeprecationWarning)


class Peer:
    DEAD_SESSION = types.INVALID_REQUEST

    def __init__(self, client, url, http_client, http, person, logs, changes):
        self.client = client
        self.revision = client.protocol_version
        self.http = http
        self.person = person
        self.logs = logs
        self._url = url
        self._http_client = http_client
        self._changes = changes

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        result = await self.client.call_tool(name, arguments, progress_callback=on_progress)
        return result.content[0].text, result.is_error

    async def cancel(self, name, arguments, begun):
        call = asyncio.create_task(self.call(name, arguments))
        await begun()
        call.cancel()
        await asyncio.wait([call])

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
        if self.revision != checks.MODERN:
            await self.client.subscribe_resource(uri)
            yield None, self._changes.get
            await self.client.unsubscribe_resource(uri)
            return
        async with self.client.listen(tools_list_changed=True, resource_subscriptions=[uri]) as changes:

            async def next_change():
                change = await anext(changes)
                return "tools" if change == ToolsListChanged() else change.uri

            yield changes.honored.model_dump(by_alias=True, exclude_none=True), next_change

    async def ping(self):
        await self.client.send_ping()

    async def set_log_level(self, level):
        await self.client.set_logging_level(level)

    async def abandon(self):
        headers = {"Mcp-Session-Id": self.http.session_id}
        await self._http_client.delete(self._url, headers=headers)

    @staticmethod
    def error_code(error):
        return error.error.code if isinstance(error, MCPError) else None


def options_of(mode, person, logs, changes):
    """What a client hears, which is kept, and is asked, which the person answers."""
    options = {"mode": mode}

    async def log(params):
        logs.append((params.level, params.data))

    async def hear(message):
        match message:
            case types.ToolListChangedNotification():
                changes.put_nowait("tools")
            case types.PromptListChangedNotification():
                changes.put_nowait("prompts")
            case types.ResourceUpdatedNotification(params=params):
                changes.put_nowait(params.uri)

    if person:
        options |= person.callbacks(types) | {"log_level": "info"}
    return options | {"logging_callback": log, "message_handler": hear}


@asynccontextmanager
async def connect(url, mode, person=None, abandoned=False):
    """At the end the SDK ends the session, if there is one, unless it is to be `abandoned`."""
    logs, changes, http = [], asyncio.Queue(), checks.Http()
    options = options_of(mode, person, logs, changes)
    async with httpx2.AsyncClient(timeout=30, event_hooks=http.hooks) as http_client:
        transport = streamable_http_client(url, http_client=http_client, terminate_on_close=not abandoned)
        async with Client(transport, **options) as client:
            checks.equal("negotiated revision", client.protocol_version, MODES[mode])
            checks.equal("has a session", http.session_id is not None, mode == "legacy")
            yield Peer(client, url, http_client, http, person, logs, changes)
        if mode == "legacy" and not abandoned:
            checks.equal("end of the session", http.answers[-1], ("DELETE", 204))


@asynccontextmanager
async def launch(command, mode, person=None):
    """A client over stdio."""
    logs, changes = [], asyncio.Queue()
    server = StdioServerParameters(command=command[0], args=command[1:])
    async with Client(stdio_client(server), **options_of(mode, person, logs, changes)) as client:
        checks.equal("negotiated revision", client.protocol_version, MODES[mode])
        yield Peer(client, None, None, None, person, logs, changes)


async def main(conformance_url, echo_url, math_url, command):
    for mode, revision in MODES.items():
        checks.label = f"python mcp 2.x, {mode}"
        async with connect(conformance_url, mode, checks.Person()) as peer:
            checks.step(f"connected, {revision}")
            await checks.conformance_server(peer)
            await checks.questions(peer)
            await checks.at_once(peer)
            await checks.logs(peer)
            await checks.changes(peer)
            if mode == "legacy":
                await checks.cancellation(peer)
                await checks.session(peer)
            else:
                await checks.forgery(peer)
                await checks.caching(peer)
        checks.step("disconnected")
        async with connect(conformance_url, mode, abandoned=mode == "legacy") as peer:
            await checks.stranger(peer)
            if mode == "legacy":
                await checks.dead_session(peer)
        async with connect(echo_url, mode) as echo, connect(math_url, mode) as math:
            await checks.two_servers(echo, math)

        checks.label = f"python mcp 2.x, {mode}, stdio"
        async with launch(command, mode, checks.Person()) as peer:
            await checks.conformance_server(peer)
            await checks.questions(peer)
            await checks.at_once(peer)
            await checks.logs(peer)
            await checks.changes(peer)
            await checks.cancellation(peer)
            if mode == "legacy":
                await checks.session(peer)
            else:
                await checks.forgery(peer)
        async with launch(command, mode) as peer:
            await checks.stranger(peer)


checks.run("python mcp 2.x", main)
