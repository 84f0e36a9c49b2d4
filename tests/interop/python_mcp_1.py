"""The official Python SDK, 1.x: speaks the 2025 revisions only."""

from contextlib import asynccontextmanager

import checks
from mcp import ClientSession, McpError, types
from mcp.client.streamable_http import streamable_http_client


class Peer:
    def __init__(self, session, person, logs):
        self.session = session
        self.person = person
        self.logs = logs

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        result = await self.session.call_tool(name, arguments, progress_callback=on_progress)
        return result.content[0].text, result.isError

    async def prompt(self, name, arguments):
        return (await self.session.get_prompt(name, arguments)).messages[0].content.text

    async def read(self, uri):
        return (await self.session.read_resource(uri)).contents[0].text

    async def complete(self, prompt, argument, typed):
        reference = types.PromptReference(type="ref/prompt", name=prompt)
        result = await self.session.complete(reference, {"name": argument, "value": typed})
        return result.completion.values

    @staticmethod
    def error_code(error):
        return error.error.code if isinstance(error, McpError) else None


@asynccontextmanager
async def connect(url):
    person, logs = checks.Person(), []

    async def log(params):
        logs.append((params.level, params.data))

    callbacks = person.callbacks(types)
    async with streamable_http_client(url) as (read, write, session_id):
        async with ClientSession(read, write, logging_callback=log, **callbacks) as session:
            answer = await session.initialize()
            checks.equal("negotiated revision", answer.protocolVersion, "2025-11-25")
            checks.equal("session id of a stateless server", session_id(), None)
            yield Peer(session, person, logs)


async def main(conformance_url, echo_url, math_url):
    async with connect(conformance_url) as peer:
        checks.step("connected, 2025-11-25")
        await checks.conformance_server(peer)
        await checks.legacy(peer)
    checks.step("disconnected")
    async with connect(echo_url) as echo, connect(math_url) as math:
        await checks.two_servers(echo, math)


checks.run("python mcp 1.x", main)
