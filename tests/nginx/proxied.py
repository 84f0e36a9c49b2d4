"""What a client behind nginx sees. Called by run.sh: a folder for nginx, and how to start the server."""

import json
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

DEADLINE_SECONDS = 20
# The tool pauses for 50 ms between its reports. If nginx held them back, all would come at the end.
PAUSE = 0.05

# The first is all that a default server block needs. The second is that of docs/deploy.md, and keeps
# connections to the server.
CONFIG = """
worker_processes 1;
daemon off;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log;
events {{}}
http {{
  access_log {prefix}/access.log;
  client_body_temp_path {prefix}/body;
  proxy_temp_path {prefix}/proxy;
  fastcgi_temp_path {prefix}/fastcgi;
  uwsgi_temp_path {prefix}/uwsgi;
  scgi_temp_path {prefix}/scgi;
  server {{
    listen 127.0.0.1:{plain};
    location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
  }}
{documented}
}}
"""


def documented(upstream, port):
    """The configuration in docs/deploy.md, for these ports."""
    text = (Path(__file__).parents[2] / "docs/deploy.md").read_text()
    config = re.search(r"```nginx\n(.*?)```", text, re.S).group(1)
    for example, here in [("127.0.0.1:8000", f"127.0.0.1:{upstream}"), ("listen 80;", f"listen 127.0.0.1:{port};")]:
        assert example in config, f"{example} is not in docs/deploy.md"
        config = config.replace(example, here)
    return config


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def running(*command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


class Client:
    """A client without any cleverness, on a connection for each request unless told otherwise."""

    def __init__(self, port, revision="2026-07-28"):
        self.port, self.revision, self.session = port, revision, None

    def open(self, method, message=None):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        headers["MCP-Protocol-Version"] = self.revision
        if self.session:
            headers["Mcp-Session-Id"] = self.session
        if message and self.revision == "2026-07-28":
            headers["Mcp-Method"] = message["method"]
            headers["Mcp-Name"] = message["params"]["name"]
        connection.request(method, "/mcp", json.dumps(message) if message else None, headers)
        return connection

    def message(self, method, params, id=1):
        params = dict(params)
        if self.revision == "2026-07-28":
            params["_meta"] = params.get("_meta", {}) | {
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        return {"jsonrpc": "2.0", "method": method, "params": params} | ({"id": id} if id else {})

    def tool(self, name, arguments={}, **meta):
        return self.message("tools/call", {"name": name, "arguments": arguments, "_meta": meta})

    def post(self, message):
        response = self.open("POST", message).getresponse()
        return response, response.read().decode()

    def text(self, tool, arguments={}):
        response, body = self.post(self.tool(tool, arguments))
        assert response.status == 200, f"{tool}: {response.status} {body}"
        data = [line[6:] for line in body.splitlines() if line.startswith("data: {")]
        return json.loads(data[-1] if data else body)["result"]["content"][0]["text"]

    def begin_session(self):
        info = {"name": "proxied", "version": "1.0.0"}
        params = {"protocolVersion": self.revision, "capabilities": {}, "clientInfo": info}
        response, body = self.post(self.message("initialize", params))
        self.session = response.headers["Mcp-Session-Id"]
        assert self.session, f"no session: {response.status} {body}"
        response, _ = self.post(self.message("notifications/initialized", {}, id=None))
        assert response.status == 202, f"notifications/initialized: {response.status}"


def events(response):
    """The messages of a stream, each with the time at which it has come."""
    for line in response:
        if line.startswith(b"data: {"):
            yield time.monotonic(), json.loads(line[6:])


def check_stream(client):
    response = client.open("POST", client.tool("test_tool_with_progress", progressToken=1)).getresponse()
    assert response.headers["Content-Type"] == "text/event-stream", response.headers
    times, messages = zip(*events(response))
    seen = [message["params"]["progress"] for message in messages[:-1]]
    assert seen == [0, 50, 100] and "result" in messages[-1], messages
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert times[-1] - times[0] > 2 * PAUSE and min(gaps) > PAUSE / 5, f"events came {gaps} s apart"


def check_cancellation(client, label):
    waiting = lambda: client.text("test_waiting", {"label": label})
    connection = client.open("POST", client.tool("test_wait", {"label": label}))
    wait_until("the tool to run", lambda: waiting() == "yes")
    connection.close()
    wait_until("the tool to be cancelled", lambda: waiting() == "no")


def check_session(client):
    client.begin_session()
    stream = client.open("GET").getresponse()
    assert stream.status == 200, f"GET stream: {stream.status}"
    heard = events(stream)
    for _ in range(2):
        asked = time.monotonic()
        client.text("test_trigger_tool_change")
        came, message = next(heard)
        assert message["method"] == "notifications/tools/list_changed", message
        assert came - asked < 2, f"a change came after {came - asked} s"
    check_stream(client)
    response = client.open("DELETE").getresponse()
    assert response.status == 204, f"DELETE: {response.status}"
    assert list(heard) == [], "the stream outlives its session"


def check_kept_connections(client, upstream):
    connections = lambda: {
        line.split()[2] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1] == f"0100007F:{upstream:04X}" and line.split()[3] == "01"
    }
    client.text("greet", {"name": "you"})
    kept = connections()
    for _ in range(5):
        client.text("greet", {"name": "you"})
    assert kept and connections() == kept, "nginx does not keep its connections to the server"


def wait_until(what, condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(prefix, *server):
    with running(*server, "--port", "0", stdout=subprocess.PIPE, text=True) as mcp:
        upstream = int(re.search(r":(\d+)/", mcp.stdout.readline()).group(1))
        ports = {"plain": free_port(), "documented": free_port()}
        config = CONFIG.format(
            prefix=prefix, upstream=upstream, plain=ports["plain"],
            documented=documented(upstream, ports["documented"]),
        )
        Path(prefix, "nginx.conf").write_text(config)
        files = ["-p", prefix, "-c", f"{prefix}/nginx.conf", "-e", f"{prefix}/error.log"]
        with running("nginx", *files) as nginx:
            for name, port in ports.items():
                up = lambda: nginx.poll() is not None or is_listening(port)
                wait_until("nginx to listen", up)
                assert nginx.poll() is None, f"nginx does not start, see {prefix}/error.log"
                check_stream(Client(port))
                check_cancellation(Client(port), name)
                for revision in ["2025-03-26", "2025-11-25"]:
                    check_session(Client(port, revision))
                print(f"nginx, {name}: streams flow, calls are cancelled, sessions live")
            check_kept_connections(Client(port), upstream)
            print("nginx, documented: connections to the server are kept")


main(*sys.argv[1:])
