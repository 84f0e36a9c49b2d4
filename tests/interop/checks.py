"""What every Python client checks; each client file only says how its SDK connects and calls.

A peer is an object of the client file with these coroutines:
    tools() -> list of tool names
    call(name, arguments, on_progress=None) -> (first text, is_error)
    prompt(name, arguments) -> first text
    read(uri) -> first text
    complete(prompt, argument, typed) -> list of values
and with
    listen(uri) -> context manager of (honored filter or None, coroutine function for the next change):
        "tools" when their list has changed, or "prompts", `uri` when what is there has
    cancel(name, arguments, begun) -> calls a tool, cancels that when the coroutine `begun()` is done
and with
    error_code(exception) -> the JSON-RPC code the SDK surfaced, or None
    revision -> that of the protocol
    person -> the `Person` who answers its server's questions, or None
    logs -> list of (level, data), of the log messages received
    http -> the `Http` below it, or None over stdio
A peer on 2026-07-28 also has
    forge(name) -> calls a tool as if to go on with a state, which no server has sealed
A peer on an older revision also has
    ping()
    set_log_level(level)
    abandon() -> ends its session, but not by means of the SDK, which does not know of it
"""

import asyncio
import logging
import sys
from collections import Counter

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

WATCHED = "test://watched-resource"

# What a tool asks, in how many rounds, and what it answers to a `Person`.
QUESTIONS = [
    ("elicitation", ["What is your name?"], 1, "Hello, Ada!"),
    ("sampling", ["What is the capital of France?"], 1, "Re: What is the capital of France?"),
    ("list_roots", ["roots"], 1, "Roots: file:///work/a, file:///work/b"),
    ("request_state", ["Please confirm"], 1, "state-ok"),
    (
        "multiple_inputs",
        ["What is your name?", "Write a greeting.", "roots"],
        1,
        "Re: Write a greeting. Ada, with 2 roots",
    ),
    (
        "multi_round",
        ["Step 1: What is your name?", "Step 2: Which color do you like?"],
        2,
        'Some("Ada") likes Some("green")',
    ),
]

# What a `Person` writes into the fields of a form.
ANSWERS = {
    "name": "Ada",
    "color": "green",
    "ok": True,
    "context": "tests",
    "username": "ada",
    "email": "ada@example.com",
    "age": 36,
    "score": 9.5,
    "status": "inactive",
    "verified": False,
    "untitledSingle": "option1",
    "titledSingle": "value2",
    "legacyEnum": "option3",
    "untitledMulti": ["option1", "option3"],
    "titledMulti": ["value2"],
}

# A server that never answers must fail the run, not hang it.
DEADLINE_SECONDS = 60
# What needs nobody's answer is refused at once; this leaves room for a machine at work on other things.
REFUSAL_SECONDS = 5

MODERN = "2026-07-28"

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


class Http:
    """What a client has exchanged with its server below MCP: the hooks of its HTTP client."""

    def __init__(self):
        self.posts = 0
        # (method, status) of each response.
        self.answers = []
        # The statuses of those to a GET that would go on with a stream.
        self.resumed = []
        self.session_id = None

    @property
    def hooks(self):
        async def on_request(request):
            self.posts += request.method == "POST"

        async def on_response(response):
            self.answers.append((response.request.method, response.status_code))
            if "last-event-id" in response.request.headers:
                self.resumed.append(response.status_code)
            self.session_id = response.headers.get("mcp-session-id", self.session_id)

        return {"request": [on_request], "response": [on_response]}


class Person:
    """Who sits before a client, with a model and two folders. Keeps what they are asked."""

    def __init__(self):
        self.action = "accept"
        self.asked = []

    def fill_in(self, message, fields):
        self.asked.append(message)
        return {field: ANSWERS[field] for field in fields} if self.action == "accept" else None

    def sample(self, prompt):
        self.asked.append(prompt)
        return f"Re: {prompt}"

    def roots(self):
        self.asked.append("roots")
        return ["file:///work/a", "file:///work/b"]

    def callbacks(self, types):
        """What the SDK whose `types` these are asks its user by."""

        async def elicit(_context, params):
            if params.mode == "url":
                self.asked.append(params.url)
                return types.ElicitResult(action=self.action)
            schema = params.model_dump(by_alias=True)["requestedSchema"]
            content = self.fill_in(params.message, schema["properties"])
            return types.ElicitResult(action=self.action, content=content)

        async def sample(_context, params):
            text = self.sample(params.messages[0].content.text)
            content = types.TextContent(type="text", text=text)
            return types.CreateMessageResult(role="assistant", model="interop", content=content)

        async def list_roots(_context):
            return types.ListRootsResult(roots=[types.Root(uri=uri) for uri in self.roots()])

        return {
            "elicitation_callback": elicit,
            "sampling_callback": sample,
            "list_roots_callback": list_roots,
        }


async def conformance_server(peer):
    """What all revisions have, one step each."""
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

    await _refused(peer, "an unknown tool", peer.call("no_such_tool", {}), -32602)
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

    arguments = {"arg1": "a", "arg2": "ä"}
    got = await peer.prompt("test_prompt_with_arguments", arguments)
    equal("prompt", got, "Prompt with arguments: arg1='a', arg2='ä'")
    values = await peer.complete("test_prompt_with_arguments", "arg1", "test")
    equal("completion", values, ["test", "testing", "tests"])
    step("a prompt answers, and completes its argument")

    got = await peer.read("test://static-text")
    equal("resource", got, "This is the content of the static text resource.")
    data = '{"data":"Data for ID: 7","id":"7","templateTest":true}'
    equal("resource of a template", await peer.read("test://template/7/data"), data)
    step("a resource and a template answer")


async def questions(peer):
    """What the server asks: on 2026-07-28 by a round of requests, before within the session."""
    for name, asked, rounds, text in QUESTIONS:
        call = peer.call(f"test_input_required_result_{name}", {})
        equal(name, await _asked(peer, name, call, asked, rounds), (text, False))
    step("sampling, roots, several questions at once, and two rounds with state between them")

    # The very same tool for all revisions.
    for action, text in [
        ("accept", "User response: ada ada@example.com"),
        ("decline", "User response: declined"),
        ("cancel", "User response: cancelled"),
    ]:
        peer.person.action = action
        call = peer.call("test_elicitation", {"message": "How can we reach you?"})
        answer = await _asked(peer, action, call, ["How can we reach you?"], 1)
        equal(action, answer, (text, False))
    peer.person.action = "accept"
    for name, message in [
        ("test_elicitation_sep1034_defaults", "Please check these values."),
        ("test_elicitation_sep1330_enums", "Please choose."),
    ]:
        text, is_error = await _asked(peer, name, peer.call(name, {}), [message], 1)
        equal(f"{name}: {text}", text.startswith("Elicitation completed: Accepted("), True)
        equal(f"{name}: isError", is_error, False)
    step("forms are accepted, declined, cancelled, and have fields of all kinds")

    call = peer.call("test_elicitation_url", {})
    answer = await _asked(peer, "page", call, ["https://example.com/sign-in"], 1)
    equal("page", answer, ("The user goes there.", False))
    step("a page to visit")

    call = peer.prompt("test_input_required_result_prompt", {})
    got = await _asked(peer, "prompt", call, ["What context should the prompt use?"], 1)
    equal("prompt", got, "Use this context: tests")
    step("a prompt asks as well")


async def at_once(peer):
    """Calls that ask, which do not wait for one another."""
    # Distinct questions, so that an answer given to the wrong call is seen.
    prompts = [f"What is {n} times {n}?" for n in range(12)]
    calls = asyncio.gather(*(peer.call("test_sampling", {"prompt": prompt}) for prompt in prompts))
    answers = await _asked(peer, "calls at once", calls, prompts, len(prompts), len(prompts))
    equal("calls at once", answers, [(f"LLM response: Re: {prompt}", False) for prompt in prompts])
    step("12 calls at once that ask, each its own question and answer")


async def forgery(peer):
    """On 2026-07-28 what a handler knows takes its way through the client."""
    forged = peer.forge("test_input_required_result_tampered_state")
    await _refused(peer, "a forged state", forged, -32602)
    equal("asked after a forged state", peer.person.asked, [])
    step("a state that is not the server's is error -32602")


async def _asked(peer, what, call, questions, rounds, calls=1):
    """Awaits calls, and checks what the person was asked meanwhile."""
    before = peer.http and peer.http.posts
    answer = await call
    asked, peer.person.asked = peer.person.asked, []
    # Those of one round come in any order.
    equal(f"{what}: questions", Counter(asked), Counter(questions))
    # On 2026-07-28 each round is another request; before, each answer is a message of its own.
    more = rounds if peer.revision == MODERN else len(questions)
    if peer.http:
        equal(f"{what}: requests", peer.http.posts - before, calls + more)
    return answer


async def logs(peer):
    """Log messages, which a client on 2026-07-28 asks for with each request, and others need not."""
    equal("test_logging_tool", await peer.call("test_logging_tool", {}), ("logged", False))
    expected = [("info", "Tool execution started"), ("error", {"reason": "none", "test": True})]
    await _until(lambda: len(peer.logs) >= len(expected))
    equal("log messages", peer.logs, expected)
    step("log messages arrive")


async def cancellation(peer):
    """A client that no longer wants its answer."""

    async def begun():
        while (await peer.call("test_waiting", {"label": label}))[0] != "yes":
            await asyncio.sleep(0.02)

    await peer.cancel("test_wait", {"label": label}, begun)
    for _ in range(100):
        still = (await peer.call("test_waiting", {"label": label}))[0]
        if still == "no":
            break
        await asyncio.sleep(0.02)
    equal("still waiting after it was cancelled", still, "no")
    step("a slow tool is cancelled, and no longer runs")

    if not peer.http:
        return
    # A stream that ended without an answer: each SDK comes back twice for the rest, and gives up.
    await _until(lambda: len(peer.http.resumed) >= 2, seconds=5)
    equal("resumptions of a cancelled call", peer.http.resumed, [400, 400])
    step("of a cancelled call nothing is left to come back for")


async def caching(peer):
    """What a client on 2026-07-28 need not ask for before it has changed."""
    listed, before = await peer.tools(), peer.http.posts
    equal("tools from the cache", await peer.tools(), listed)
    equal("requests for tools in the cache", peer.http.posts - before, 0)
    await peer.read(WATCHED)
    await peer.read(WATCHED)
    equal("requests for what is not to be kept", peer.http.posts - before, 2)
    step("tools/list is kept, resources are not")

    async with peer.listen(WATCHED) as (_, next_change):
        await peer.call("test_trigger_tool_change", {})
        equal("change", await next_change(), "tools")
        before = peer.http.posts
        equal("tools after a change", await peer.tools(), listed)
        equal("requests for tools after a change", peer.http.posts - before, 1)
    step("the kept list is stale after a change")


async def changes(peer):
    """Changes: a client on 2026-07-28 listens for some, others get those of lists unasked."""
    async with peer.listen(WATCHED) as (honored, next_change):
        if peer.revision == MODERN:
            expected = {"toolsListChanged": True, "resourceSubscriptions": [WATCHED]}
            equal("filter", honored, expected)
            # For this it does not listen.
            await peer.call("test_trigger_prompt_change", {})
        # Nobody has subscribed to this one.
        await peer.call("test_trigger_resource_update", {"uri": "test://static-text"})
        for _ in range(2):
            await peer.call("test_trigger_tool_change", {})
            equal("change", await next_change(), "tools")
            await peer.call("test_trigger_resource_update", {"uri": WATCHED})
            equal("change", await next_change(), WATCHED)
    step("changes are heard, of what was asked for only")

    await peer.call("test_trigger_resource_update", {"uri": WATCHED})
    if peer.revision != MODERN:
        await peer.call("test_trigger_prompt_change", {})
        equal("change after unsubscribing", await next_change(), "prompts")
    equal("greet after listening", await peer.call("greet", {"name": "you"}), ("Hello, you!", False))
    step("no longer listens, and the connection lives on")


async def stranger(peer):
    """A client that has declared nothing and asked for nothing."""
    for name in ["test_missing_capability", "test_input_required_result_elicitation"]:
        await _refused(peer, name, peer.call(name, {}), -32021)
    prompt = peer.prompt("test_input_required_result_prompt", {})
    await _refused(peer, "the prompt", prompt, -32021)
    equal("test_logging_tool", await peer.call("test_logging_tool", {}), ("logged", False))
    # Without logging/setLevel the 2025 revisions leave it to the server what to send.
    expected = 0 if peer.revision == MODERN else 2
    await _until(lambda: len(peer.logs) >= expected)
    equal("log messages", len(peer.logs), expected)
    step("who cannot be asked gets error -32021, and who wants none on 2026-07-28 no log messages")


async def session(peer):
    """What only the 2025 revisions have."""
    if peer.http:
        equal("GET streams", peer.http.answers.count(("GET", 200)), 1)
        peer.http.resumed.clear()
    await peer.ping()
    equal("test_ping", await peer.call("test_ping", {}), ("The client is there.", False))
    step("client and server ping each other")

    for level, heard in [("error", ["error"]), ("critical", []), ("debug", ["info", "error"])]:
        peer.logs.clear()
        await peer.set_log_level(level)
        await peer.call("test_logging_tool", {})
        await _until(lambda: len(peer.logs) >= len(heard))
        equal(f"log messages at {level}", [level for level, _ in peer.logs], heard)
    step("logging/setLevel says which log messages arrive")

    answer = await peer.call("test_reconnection", {})
    equal("test_reconnection", answer, ("Reconnected.", False))
    if peer.http:
        equal("reconnections", peer.http.resumed, [200])
    step("a call that lets go of its connection is answered all the same")


async def dead_session(peer):
    """A session that has ended without its client."""
    equal("greet", await peer.call("greet", {"name": "you"}), ("Hello, you!", False))
    await peer.abandon()
    call = peer.call("greet", {"name": "nobody"})
    await _refused(peer, "a call in a dead session", call, peer.DEAD_SESSION)
    equal("its status", peer.http.answers[-1], ("POST", 404))
    step("a session that has ended is HTTP status 404, and the client is told")


async def _refused(peer, what, call, code):
    try:
        got = await asyncio.wait_for(call, REFUSAL_SECONDS)
    except TimeoutError:
        raise AssertionError(f"{what} was not answered within {REFUSAL_SECONDS} s") from None
    except Exception as error:  # the SDKs share no base class
        equal(f"error code of {what} ({error})", peer.error_code(error), code)
    else:
        raise AssertionError(f"{what} gave a result: {got!r}")


async def _progress(peer):
    seen = []

    async def on_progress(progress, total, _message):
        seen.append((progress, total))

    text, is_error = await peer.call("test_tool_with_progress", {}, on_progress)
    await _until(lambda: len(seen) >= 3)
    equal("progress (value, total)", seen, [(0, 100), (50, 100), (100, 100)])
    equal("progress call: isError", is_error, False)
    if not text:
        raise AssertionError("progress call: no text in the result")


async def _until(is_true, seconds=1):
    """What comes later: SDK 2.x runs the callbacks for notifications as tasks of their own."""
    for _ in range(100 * seconds):
        if is_true():
            break
        await asyncio.sleep(0.01)


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
    """Runs `main(conformance_url, echo_url, math_url, command)`, the last of which is a list that runs the
    conformance server over stdio; exit status 1 with one clear line on failure."""
    global label
    label = client_name
    if len(sys.argv) < 5:
        sys.exit(f"usage: {sys.argv[0]} <conformance-url> <echo-url> <math-url> <command>...")
    logging.getLogger().addHandler(_Complaints(logging.WARNING))
    try:
        asyncio.run(asyncio.wait_for(main(*sys.argv[1:4], sys.argv[4:]), DEADLINE_SECONDS))
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
