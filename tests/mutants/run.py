#!/usr/bin/env python3
"""Breaks each law, limit and deadline on purpose, one at a time, and sees a test fail for it.

    python3 tests/mutants/run.py              all of them, in a copy below target/
    python3 tests/mutants/run.py drain batch  those whose name contains one of these
    python3 tests/mutants/run.py --check      none, but whether each still fits the code

A mutant is a name, the test that has to fail, a file of mcp-proto/src, what stands there, and what
takes its place. Whoever changes the code mends the mutant.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "target" / "mutants"

LAWS = [
    (
        "law 1: a reset leaves what was to be written",
        "law_1",
        "session/leave.rs",
        "        self.room.inbox.clear();\n        self.room.out.queue.clear();\n        self.room.outputs.push(Output::Close);",
        "        self.room.inbox.clear();\n        self.room.outputs.push(Output::Close);",
    ),
    (
        "law 1: closed twice",
        "law_1",
        "session/awake.rs",
        "        if matches!(self.room.state, State::Closed) {\n            return;\n        }",
        "",
    ),
    (
        "law 2: a line feed that comes first in a piece ends a line by itself",
        "law_2",
        "http/scan.rs",
        "let Some(line) = window[self.line..feed].strip_suffix(b\"\\r\") else {",
        "let Some(line) = window[self.at..feed].strip_suffix(b\"\\r\").or((self.at == feed).then_some(b\"x\")) else {",
    ),
    (
        "law 3: a disconnect cancels nothing",
        "law_3",
        "session/leave.rs",
        "                self.room.outputs.extend(ends);",
        "                drop(ends);",
    ),
    (
        "law 3: who waits to be let in is forgotten",
        "law_3",
        "session/leave.rs",
        "            self.room.outputs.push(Output::AuthorizationCancelled(*key));\n        }\n        self.room.state = State::Closed;",
        "            let _ = key;\n        }\n        self.room.state = State::Closed;",
    ),
    (
        "law 3: the word to go on comes before it is known to whom",
        "law_3",
        "session/receive.rs",
        "    fn authorize(&mut self, now: Now, incoming: Incoming) {\n",
        "    fn authorize(&mut self, now: Now, incoming: Incoming) {\n        if incoming.head().expects_continue() {\n            self.room.out.write(now, |writer| ResponseWriter::write_continue(writer.out));\n        }\n",
    ),
    (
        "law 3: refused calls of a batch stay open",
        "law_3",
        "session/respond.rs",
        "        self.room.outputs.extend(others.map(Output::Cancelled));",
        "        drop(others);",
    ),
    (
        "law 4: a drain has no end",
        "law_4",
        "session/leave.rs",
        "                if is_due(Some(*since + deadlines.drain)) {\n                    self.close();\n                }",
        "                let _ = since;",
    ),
    (
        "law 5: read-ahead without bounds",
        "law_5",
        "session/awake.rs",
        "                self.inbox.len() < config.limits.read_ahead",
        "                true",
    ),
    (
        "law 6: a batch is answered twice",
        "law_6",
        "exchange/answer.rs",
        "                ready.push(message);",
        "                ready.push(message.clone());\n                ready.push(message);",
    ),
    (
        "law 6: priming events where nobody knows them",
        "law_6",
        "revision/mod.rs",
        "self >= Self::V2025_11_25",
        "self >= Self::V2025_06_18",
    ),
    (
        "law 7: what was pipelined is forgotten",
        "law_7",
        "session/respond.rs",
        "            if !self.room.inbox.is_empty() {\n                self.advance_inbox(now);\n            }",
        "            self.room.inbox.clear();",
    ),
    (
        "law 8: the hub keeps what its driver lets go of",
        "law_8",
        "hub/admit.rs",
        "        self.session_subscriptions.unsubscribe(session.subscription);\n",
        "",
    ),
    (
        "law 9: what was lost is told twice",
        "law_9",
        "session/leave.rs",
        "                self.lose(Lost::InCall);",
        "                self.lose(Lost::InCall);\n                self.lose(Lost::InCall);",
    ),
    (
        "law 9: a FIN in front of an answer is forgotten",
        "half_closed_peers_are_answered",
        "session/receive.rs",
        "        if *self.is_half_closed {\n            self.peer_closed(PeerClosed::Fin);\n        }",
        "",
    ),
    (
        "law 9: who is given up is not told of",
        "law_9",
        "session/leave.rs",
        "            return self.peer_closed(PeerClosed::Reset);",
        "            if matches!(self.room.state, State::Flush { .. }) {\n                return self.close();\n            }\n            return self.peer_closed(PeerClosed::Reset);",
    ),
    (
        "law 9: fewer bytes than were received",
        "law_9",
        "session/receive.rs",
        "                    self.room.out.exchange.received += piece.len() as u64;",
        "                    self.room.out.exchange.received += piece.len() as u64 - 1;",
    ),
]

# Of a connection: `Limits` and what is constant.
LIMITS = [
    ("head", "config.rs", "self.limits.head.min(usize::from(u16::MAX))", "(self.limits.head + 1).min(usize::from(u16::MAX))"),
    ("fields", "http/head.rs", "if count > limits.fields {", "if count >= limits.fields {"),
    ("body", "exchange/incoming.rs", "if length > body_limit as u64 =>", "if length > body_limit as u64 + 1 =>"),
    ("body in chunks", "http/body.rs", "if size > room as u64 {", "if size > room as u64 + 1 {"),
    ("chunk_overhead", "http/chunked.rs", "(self.overhead <= self.overhead_limit)", "(self.overhead < self.overhead_limit)"),
    ("batch", "exchange/batch.rs", "= (config.limits.batch,", "= (config.limits.batch + 1,"),
    ("json_depth", "json/scan.rs", "self.depth == self.depth_limit", "self.depth > self.depth_limit"),
    ("128 levels of JSON", "json/scan.rs", "depth_limit.min(MOST_LEVELS)", "depth_limit"),
    ("read_ahead", "session/awake.rs", "self.inbox.len() < config.limits.read_ahead", "self.inbox.len() <= config.limits.read_ahead"),
    ("unsent", "session/awake.rs", "self.out.queue.len() < config.limits.unsent", "self.out.queue.len() <= config.limits.unsent"),
    ("drain", "session/leave.rs", "*discarded > self.config.limits.drain", "*discarded >= self.config.limits.drain"),
    ("65,535 bytes of head", "config.rs", "usize::from(u16::MAX)", "usize::from(u16::MAX) - 1"),
    ("4 GiB of body", "config.rs", "self.limits.body.min(Part::MOST)", "self.limits.body"),
    ("subscriptions", "hub/subscriptions.rs", "self.subscriptions.len() >= self.limits.subscriptions", "self.subscriptions.len() > self.limits.subscriptions"),
    ("filter_bytes", "hub/subscriptions.rs", "if bytes > limit { Err(SubscribeError", "if bytes >= limit { Err(SubscribeError"),
    ("sessions", "hub/admit.rs", "while self.sessions.len() >= self.limits.sessions {", "while self.sessions.len() > self.limits.sessions {"),
    ("calls", "hub/admit.rs", "session.calls.len() >= self.limits.calls", "session.calls.len() > self.limits.calls"),
    ("client_bytes", "hub/admit.rs", "if info.len() + capabilities.len() > limit {", "if info.len() + capabilities.len() >= limit {"),
    ("streams", "hub/streams.rs", "session.left.len() > self.limits.streams", "session.left.len() >= self.limits.streams"),
    ("replay_bytes", "hub/replay.rs", "session.bytes > self.bytes_of_session", "session.bytes >= self.bytes_of_session"),
    ("total_replay_bytes", "hub/replay.rs", "while self.bytes > self.bytes_in_all", "while self.bytes >= self.bytes_in_all"),
]

DEADLINES = [
    ("head", "session/leave.rs", "            State::Head { since, .. } => Some(*since + deadlines.head),", "            State::Head { since, .. } => Some(*since + deadlines.head / 2),"),
    ("body", "session/leave.rs", "            State::Body { since, .. } => Some(*since + deadlines.body),", "            State::Body { since, .. } => Some(*since + deadlines.head),"),
    ("authorization", "session/leave.rs", "            State::Authorize { since, .. } => Some(*since + deadlines.authorization),", "            State::Authorize { since, .. } => Some(*since + deadlines.head),"),
    ("idle", "session/leave.rs", "                if is_due(Some(*since + deadlines.idle)) {\n                    self.close();\n                }", "                let _ = since;\n                self.close();"),
    ("write_stall", "session/respond.rs", "        self.room.out.last_write = now.instant;\n        if is_flushing", "        if is_flushing"),
    ("drain", "session/leave.rs", "                if is_due(Some(*since + deadlines.drain)) {\n                    self.close();\n                }", "                let _ = since;\n                self.close();"),
    ("input_end", "line/mod.rs", "Some(ended + self.config.deadlines.input_end)", "Some(ended + self.config.deadlines.write_stall)"),
    ("stream_after", "exchange/answer.rs", "Some(since + deadlines.stream_after)", "Some(since + deadlines.keep_alive)"),
    ("keep_alive", "exchange/answer.rs", "last_sent + deadlines.keep_alive", "last_sent + deadlines.stream_after"),
    ("keep_alive of what is unread", "session/leave.rs", "            State::Call { answer } if self.out.queue.is_empty() => answer.deadline(deadlines),", "            State::Call { answer } => answer.deadline(deadlines),"),
    ("shutdown", "session/leave.rs", "self.shutdown.map_or(until, |earlier| earlier.min(until))", "until"),
    ("session_idle", "hub/mod.rs", "since + self.deadlines.session_idle <= now", "since + self.deadlines.session_idle < now"),
    ("replay", "hub/mod.rs", "since + self.deadlines.replay <= now", "since + self.deadlines.replay < now"),
    ("replay of a message", "hub/replay.rs", "event.at + self.keep <= now", "event.at + self.keep < now"),
    ("answer", "hub/calls.rs", "question.deadline <= now", "question.deadline < now"),
    ("retry", "sse.rs", "retry.as_millis()", "retry.as_secs()"),
]


def mutants():
    yield from LAWS
    for name, *mutant in LIMITS:
        yield f"limit: {name}", "limits", *mutant
    for name, *mutant in DEADLINES:
        yield f"deadline: {name}", "deadlines", *mutant


def copy():
    """Brings the copy up to date, and leaves alone what is, so that it is not built again."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    files = list(filter(None, tracked.stdout.split("\0")))
    for gone in {path for path in COPY.rglob("*") if path.is_file()} - {COPY / file for file in files}:
        gone.unlink()
    for file in files:
        source, target = ROOT / file, COPY / file
        if not target.exists() or source.read_bytes() != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def failing(test):
    """The names of the tests of that name that fail, or None if the copy does not build."""
    command = ["cargo", "test", "-q", "-p", "mcp-tests", "--test", "protocol", test]
    # What does not change need not be built again.
    env = {"CARGO_TARGET_DIR": str(ROOT / "target"), **os.environ}
    env |= {"RUST_BACKTRACE": "0", "PROPTEST_MAX_SHRINK_ITERS": "0"}
    done = subprocess.run(command, cwd=COPY, env=env, capture_output=True, text=True, timeout=600)
    output = done.stdout + done.stderr
    if "could not compile" in output:
        return None
    if done.returncode == 0:
        return []
    # The last list of them: what failed has printed something before.
    names = output.rpartition("\nfailures:\n")[2].partition("\ntest result:")[0]
    return re.findall(r"^    (\S+)$", names, re.M)


def is_caught(mutant, failed):
    """Whether the right tests fail: for a limit or deadline that is a field, one of its name."""
    kind, _, field = mutant.partition(": ")
    is_field = kind in ("limit", "deadline") and re.fullmatch("[a-z_]+", field)
    return any(field in test for test in failed) if is_field else bool(failed)


def outdated():
    """The names of the mutants whose place is not in the code any more, or is in several."""
    for name, _, file, old, _ in mutants():
        path = ROOT / "mcp-proto" / "src" / file
        if not path.exists() or path.read_text().count(old) != 1:
            yield name


def main():
    if sys.argv[1:] == ["--check"]:
        names = list(outdated())
        print("\n".join(f"outdated: {name}" for name in names) or "all fit the code")
        return 1 if names else 0
    chosen = [
        mutant for mutant in mutants() if not sys.argv[1:] or any(word in mutant[0] for word in sys.argv[1:])
    ]
    copy()
    missed = []
    for name, test, file, old, new in chosen:
        path = COPY / "mcp-proto" / "src" / file
        text = path.read_text()
        if old not in text:
            print(f"outdated: {name}", flush=True)
            missed.append(name)
            continue
        path.write_text(text.replace(old, new, 1))
        try:
            failed = failing(test)
        finally:
            path.write_text(text)
        if failed is None:
            print(f"does not compile: {name}", flush=True)
            missed.append(name)
        elif is_caught(name, failed):
            print(f"caught: {name}", flush=True)
        else:
            print(f"MISSED: {name}, though these fail: {failed}", flush=True)
            missed.append(name)
    print(f"{len(chosen) - len(missed)} of {len(chosen)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
