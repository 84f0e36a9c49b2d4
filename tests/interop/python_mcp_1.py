"""The official Python SDK, 1.x: speaks the 2025 revisions only."""

import asyncio
from contextlib import asynccontextmanager

import checks
import httpx
from mcp import ClientSession, McpError, types
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

REVISION = "2025-11-25"


class Peer:
    # What the SDK makes of HTTP status 404, whatever is in the response: a code of its own.
    DEAD_SESSION = 32600

    def __init__(self, session, url, client, http, person, logs, changes):
        self.session = session
        self.revision = REVISION
        self.http = http
        self.person = person
        self.logs = logs
        self._url = url
        self._client = client
        self._changes = changes

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        result = await self.session.call_tool(name, arguments, progress_callback=on_progress)
        return result.content[0].text, result.isError

    async def cancel(self, name, arguments, begun):
        # The SDK has nothing to cancel with but the notification, nor does it tell of ids.
        request_id = self.session._request_id
        call = asyncio.create_task(self.call(name, arguments))
        await asyncio.sleep(0)  # the next id is that of this call
        await begun()
        params = types.CancelledNotificationParams(requestId=request_id)
        cancelled = types.CancelledNotification(params=params)
        await self.session.send_notification(types.ClientNotification(cancelled))
        call.cancel()

    async def prompt(self, name, arguments):
        return (await self.session.get_prompt(name, arguments)).messages[0].content.text

    async def read(self, uri):
        return (await self.session.read_resource(uri)).contents[0].text

    async def complete(self, prompt, argument, typed):
        reference = types.PromptReference(type="ref/prompt", name=prompt)
        result = await self.session.complete(reference, {"name": argument, "value": typed})
        return result.completion.values

    @asynccontextmanager
    async def listen(self, uri):
        await self.session.subscribe_resource(uri)
        yield None, self._changes.get
        await self.session.unsubscribe_resource(uri)

    async def ping(self):
        await self.session.send_ping()

    async def set_log_level(self, level):
        await self.session.set_logging_level(level)

    async def abandon(self):
        headers = {"Mcp-Session-Id": self.http.session_id}
        await self._client.delete(self._url, headers=headers)

    @staticmethod
    def error_code(error):
        return error.error.code if isinstance(error, McpError) else None


def callbacks_of(person, logs, changes):
    """What a session hears, which is kept, and is asked, which the person answers."""

    async def log(params):
        logs.append((params.level, params.data))

    async def hear(message):
        match message:
            case types.ServerNotification(root=types.ToolListChangedNotification()):
                changes.put_nowait("tools")
            case types.ServerNotification(root=types.PromptListChangedNotification()):
                changes.put_nowait("prompts")
            case types.ServerNotification(root=types.ResourceUpdatedNotification(params=params)):
                changes.put_nowait(str(params.uri))

    callbacks = {"logging_callback": log, "message_handler": hear}
    return callbacks | person.callbacks(types) if person else callbacks


@asynccontextmanager
async def connect(url, person=None, abandoned=False):
    """At the end the SDK ends the session, unless it is to be `abandoned`."""
    logs, changes, http = [], asyncio.Queue(), checks.Http()
    callbacks = callbacks_of(person, logs, changes)
    async with httpx.AsyncClient(timeout=30, event_hooks=http.hooks) as client:
        transport = streamable_http_client(url, http_client=client, terminate_on_close=not abandoned)
        async with transport as (read, write, session_id):
            async with ClientSession(read, write, **callbacks) as session:
                answer = await session.initialize()
                checks.equal("negotiated revision", answer.protocolVersion, REVISION)
                checks.equal("session id", session_id(), http.session_id)
                yield Peer(session, url, client, http, person, logs, changes)
        if not abandoned:
            checks.equal("end of the session", http.answers[-1], ("DELETE", 204))


@asynccontextmanager
async def launch(command, person=None):
    """A session over stdio."""
    logs, changes = [], asyncio.Queue()
    server = StdioServerParameters(command=command[0], args=command[1:])
    async with stdio_client(server) as (read, write):
        async with ClientSession(read, write, **callbacks_of(person, logs, changes)) as session:
            answer = await session.initialize()
            checks.equal("negotiated revision", answer.protocolVersion, REVISION)
            yield Peer(session, None, None, None, person, logs, changes)


async def everything(peer):
    await checks.conformance_server(peer)
    await checks.questions(peer)
    await checks.at_once(peer)
    await checks.logs(peer)
    await checks.cancellation(peer)
    await checks.changes(peer)
    await checks.session(peer)


async def main(conformance_url, echo_url, math_url, command):
    async with connect(conformance_url, checks.Person()) as peer:
        checks.step(f"connected, {REVISION}")
        await everything(peer)
    checks.step("disconnected")
    async with connect(conformance_url, abandoned=True) as peer:
        await checks.stranger(peer)
        await checks.dead_session(peer)
    async with connect(echo_url) as echo, connect(math_url) as math:
        await checks.two_servers(echo, math)

    checks.label = "python mcp 1.x, stdio"
    async with launch(command, checks.Person()) as peer:
        await everything(peer)
    async with launch(command) as peer:
        await checks.stranger(peer)


checks.run("python mcp 1.x", main)
