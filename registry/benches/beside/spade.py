"""SPADE's side of `make bench`: what SPADE 4.1.4 does on the Prosody that our figures come from.

messages  A sends N messages of SIZE bytes with a performative to B as fast as SPADE lets it; from
          the first sent to the last received: seconds, messages a second, CPU time for one (both
          agents', not the server's), peak RSS. Both are in one process, as SPADE's users do it,
          but two such agents do not talk over XMPP: SPADE hands the object over. So --way says:
            server  (default) B is out of SPADE's container: all goes to Prosody and back, by TLS
            apart   the same with a process for each agent, as in our own bench; CPU, RSS: sums
            memory  SPADE's shortcut: no XMPP, no copy
agents    N agents are started at once in one process, until each is alive and has got its own
          presence back from the server: seconds, and by how much RSS grew for each.

Prints one line of JSON, at --limit with what had arrived. Needs greenlet too, for SPADE's import.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

del sys.path[0]  # our folder: there `import spade` would find this file
from spade import agent as spade_agent
from spade.behaviour import CyclicBehaviour
from spade.container import Container
from spade.message import Message


def cpu(process="self"):
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(field, process="self"):
    """VmRSS (now) or VmHWM (peak) of a process, in KB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(field))


class Client(spade_agent.XMPPClient):
    """SPADE always connects to the JID's domain; this one goes to the server's address."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.present = asyncio.Event()
        self.add_event_handler("presence_available", self.seen)

    def connect(self, host=None, port=None):
        return super().connect(options.server, port)

    def seen(self, presence):  # presence.is_available() of SPADE knows only what it was told to set
        if presence["from"] == self.boundjid:
            self.present.set()


class Source(CyclicBehaviour):
    async def on_start(self):
        self.to, self.body, self.left = options.to, "x" * options.size, options.count
        options.first = time.monotonic(), cpu()
        if options.way == "source":
            print(*options.first, flush=True)

    async def run(self):
        await self.send(Message(self.to, body=self.body, metadata={"performative": "inform"}))
        self.left -= 1
        if self.left == 0:
            self.kill()


class Sink(CyclicBehaviour):
    got, last = 0, 0.0

    async def run(self):
        if await self.receive() or await self.receive(timeout=10):  # the second alone falls behind
            self.got, self.last = self.got + 1, time.monotonic()
            if self.got == options.count:
                options.over.set()


async def start(name, password, behaviour=None):
    jid = f"{name}@{options.domain}"
    agent = spade_agent.Agent(jid, password, options.port, verify_security=False)
    if behaviour:
        agent.add_behaviour(behaviour)
    await agent.start(auto_register=False)
    await agent.client.present.wait()
    options.present += 1


async def bounded(work):
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(work, options.end - time.monotonic())


async def messages():
    source, sink = (it.split("=", 1) for it in options.password_source.split(","))
    options.to, options.first, options.over = f"{sink[0]}@{options.domain}", None, asyncio.Event()
    counter, other = Sink(), None
    if options.way != "source":  # the other process of `apart`
        await bounded(start(*sink, counter))
    if options.way == "server":
        Container().unregister(options.to)
    before = cpu()
    if options.way == "apart":
        again = [sys.executable, __file__, *sys.argv[1:], "--way=source"]
        other = subprocess.Popen(again, stdout=subprocess.PIPE)
    else:
        await bounded(start(*source, Source()))
    await bounded(options.over.wait())
    used, peak, first, got = cpu(), memory("VmHWM"), options.first, counter.got
    if other:
        used, peak = used - before + cpu(other.pid), peak + memory("VmHWM", other.pid)
        other.kill()
        first = [float(it) for it in other.stdout.readline().split()]
    seconds, each = (counter.last - first[0], (used - first[1]) * 1e6 / got) if got else (0, 0)
    rates = {"per_second": round(got / (seconds or 1)), "cpu_us_each": round(each, 1)}
    return {"count": got, "seconds": round(seconds, 3)} | rates | {"rss_mb": round(peak / 1024, 1)}


async def agents():
    names = [line.split() for line in Path(options.names_file).read_text().splitlines()]
    first, before = time.monotonic(), memory("VmRSS")
    await bounded(asyncio.gather(*(start(*it) for it in names[: options.count])))
    seconds, count = time.monotonic() - first, options.present
    each = (memory("VmRSS") - before) / count if count else 0
    return {"count": count, "seconds": round(seconds, 3), "kb_each": round(each, 1)}


spade_agent.XMPPClient = Client
parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["messages", "agents"])
parser.add_argument("--server", default="127.0.0.1")
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--domain", required=True)
parser.add_argument("--count", type=int, required=True)
parser.add_argument("--limit", type=float, default=120, help="seconds")
parser.add_argument("--password-source", help="messages: A=password,B=password")
parser.add_argument("--size", type=int, default=1024)
parser.add_argument("--way", choices=["server", "apart", "memory", "source"], default="server")
parser.add_argument("--names-file", help="agents: `name password` a line")
options = parser.parse_args()
options.present, options.end = 0, time.monotonic() + options.limit
work = messages() if options.what == "messages" else agents()
print(json.dumps({"what": options.what} | Container().loop.run_until_complete(work)), flush=True)
os._exit(0)  # the sockets close: nothing else of SPADE's is worth waiting for
