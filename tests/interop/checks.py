"""What every Python client checks; each client file only says how its SDK connects and calls.

A peer is an object of the client file with two coroutines:
    tools() -> list of tool names
    call(name, arguments, on_progress=None) -> (first text, is_error)
and `error_code(exception)`, the JSON-RPC code the SDK surfaced, or None.
"""

import asyncio
import logging
import sys

TOOLS = {
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "greet",
}
SIMPLE_TEXT = "This is a simple text response for testing."
ERROR_TEXT = "This tool intentionally returns an error for testing"

# A server that never answers must fail the run, not hang it.
DEADLINE_SECONDS = 60

label = ""
complaints = []


class _Complaints(logging.Handler):
    """The SDKs report a malformed stream or an odd status only in their log: count it as a failure."""

    def emit(self, record):
        complaints.append(record.getMessage())


def step(text):
    print(f"{label}: {text}", flush=True)


def equal(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {got!r}")


async def conformance_server(peer):
    """The tools of the conformance server, one step each."""
    missing = TOOLS - set(await peer.tools())
    equal("tools missing from tools/list", sorted(missing), [])
    step(f"tools/list names the {len(TOOLS)} expected tools")

    equal("greet", await peer.call("greet", {"name": "interop"}), ("Hello, interop!", False))
    step("greet answers")

    equal("test_simple_text", await peer.call("test_simple_text", {}), (SIMPLE_TEXT, False))
    step("test_simple_text answers")

    equal("test_error_handling", await peer.call("test_error_handling", {}), (ERROR_TEXT, True))
    step("test_error_handling is a result with isError")

    await _progress(peer)
    step("test_tool_with_progress: 0, 50, 100 of 100, then its text")

    try:
        got = await peer.call("no_such_tool", {})
    except Exception as error:  # the SDKs share no base class
        equal(f"error code of an unknown tool ({error})", peer.error_code(error), -32602)
    else:
        raise AssertionError(f"an unknown tool gave a result: {got!r}")
    # Some clients tear the whole connection down over an HTTP error status, so look again.
    equal("greet after an error", await peer.call("greet", {"name": "again"}), ("Hello, again!", False))
    step("an unknown tool is error -32602 and the connection lives on")

    # Distinct arguments, so that an answer given to the wrong call is seen.
    names = [f"caller-{n}" for n in range(16)]
    answers = await asyncio.gather(
        *(peer.call("greet", {"name": name}) for name in names),
        *(_progress(peer) for _ in range(4)),
    )
    for name, answer in zip(names, answers):
        equal("concurrent greets", answer, (f"Hello, {name}!", False))
    step("16 greets and 4 calls with progress at once, each its own answer")


async def _progress(peer):
    seen = []

    async def on_progress(progress, total, _message):
        seen.append((progress, total))

    text, is_error = await peer.call("test_tool_with_progress", {}, on_progress)
    for _ in range(100):  # SDK 2.x runs the callbacks as tasks of their own
        if len(seen) >= 3:
            break
        await asyncio.sleep(0.01)
    equal("progress (value, total)", seen, [(0, 100), (50, 100), (100, 100)])
    equal("progress call: isError", is_error, False)
    if not text:
        raise AssertionError("progress call: no text in the result")


async def two_servers(echo, math):
    """Two servers on one listener, a client of each: the second must answer as well as the first."""
    equal("tools of the math server", await math.tools(), ["add"])
    equal("add", await math.call("add", {"a": 2, "b": 3.5}), ("5.5", False))
    equal("tools of the echo server", await echo.tools(), ["echo"])
    equal("echo", await echo.call("echo", {"message": "héllo"}), ("héllo", False))
    answers = await asyncio.gather(
        *(math.call("add", {"a": n, "b": 0.5}) for n in range(8)),
        *(echo.call("echo", {"message": f"m{n}"}) for n in range(8)),
    )
    equal("both at once", answers, [(f"{n}.5", False) for n in range(8)] + [(f"m{n}", False) for n in range(8)])
    step("two servers on one listener: both answer, also at once")


def run(client_name, main):
    """Runs `main(conformance_url, echo_url, math_url)`; exit status 1 with one clear line on failure."""
    global label
    label = client_name
    if len(sys.argv) != 4:
        sys.exit(f"usage: {sys.argv[0]} <conformance-url> <echo-url> <math-url>")
    logging.getLogger().addHandler(_Complaints(logging.WARNING))
    try:
        asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), DEADLINE_SECONDS))
        equal("warnings logged by the SDK", complaints, [])
    except BaseException as error:
        sys.exit(f"{label}: FAILED: {_cause(error)}")
    label = client_name
    step("ok")


def _cause(error):
    """The first leaf of nested exception groups: the SDKs wrap every failure in several."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return f"no end within {DEADLINE_SECONDS} s"
    return f"{type(error).__name__}: {error}"
