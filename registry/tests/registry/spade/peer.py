"""A SPADE agent, or artifact, that does what lines on stdin say and tells on stdout what it saw.

Usage: peer.py agent|artifact JID PASSWORD PORT
"""

import asyncio
import json
import sys

from slixmpp import JID
from slixmpp.exceptions import IqError
from spade.agent import Agent
from spade.behaviour import CyclicBehaviour
from spade.message import Message
from spade.presence import PresenceShow, PresenceType
from spade.xmpp_client import XMPPClient
from spade_artifact import Artifact, ArtifactMixin

# SPADE finds its server by the domain of the account alone.
connect = XMPPClient.connect
XMPPClient.connect = lambda client, host, port: connect(client, "127.0.0.1", port)


def tell(what, **fields):
    print(json.dumps({"saw": what, **fields}), flush=True)


class Listen(CyclicBehaviour):
    async def run(self):
        message = await self.receive(timeout=1)
        if message is None:
            return
        sender, metadata = str(message.sender), message._metadata
        tell("message", sender=sender, body=message.body, thread=message.thread, **metadata)
        if metadata.get("performative") == "request":
            answer = message.make_reply()
            answer.set_metadata("performative", "inform")
            answer.body = "done: " + message.body
            await self.send(answer)


class Peer(ArtifactMixin, Agent):
    async def setup(self):
        self.listen = Listen()
        self.add_behaviour(self.listen)
        watch(self)


class Thing(Artifact):
    async def setup(self):
        watch(self)

    async def run(self):
        while self.is_alive():
            await asyncio.sleep(1)


def watch(peer):
    def presence(stanza):
        if stanza["from"].bare != peer.jid.bare:
            info = peer.presence.get_contact_presence(stanza["from"], stanza["from"].resource)
            tell(
                "presence",
                sender=stanza["from"].bare,
                type=info.type.value,
                show=info.show.value,
                status=info.status,
                priority=info.priority,
            )

    peer.presence.on_presence_received = presence
    peer.presence.on_subscribe = lambda jid: tell("subscribe", sender=str(jid))
    peer.presence.on_subscribed = lambda jid: tell("subscribed", sender=str(jid))
    peer.presence.on_unsubscribed = lambda jid: tell("unsubscribed", sender=str(jid))


async def ask_info(peer, jid, node):
    """What slixmpp finds by service discovery, and the hash that it makes of it."""
    disco = peer.client.plugin["xep_0030"]
    info = (await disco.get_info(jid=JID(jid), node=node, cached=False))["disco_info"]
    items = (await disco.get_items(jid=JID(jid), node=node))["disco_items"]["items"]
    caps = peer.client.plugin["xep_0115"]
    tell(
        "info",
        features=sorted(info["features"]),
        identities=[list(map(str, it)) for it in info["identities"]],
        hash=caps.generate_verstring(info, "sha-1"),
        items=[list(map(str, it)) for it in items],
    )


async def call(peer, order):
    """One step of a command, as slixmpp makes it."""
    commands = peer.client.plugin["xep_0050"]
    form = None
    if "fields" in order:
        form = peer.client.plugin["xep_0004"].make_form(ftype="submit")
        for name, value in order["fields"].items():
            form.add_field(var=name, value=value)
    try:
        answer = await commands.send_command(
            order["to"],
            order["node"],
            action=order.get("action", "execute"),
            payload=form,
            sessionid=order.get("session"),
        )
    except IqError as error:
        tell("refused", condition=error.condition, kind=error.etype)
        return
    command = answer["command"]
    fields = command["form"].get_fields() if command["status"] == "executing" else {}
    tell(
        "page",
        status=command["status"],
        session=command["sessionid"],
        actions=sorted(command["actions"]),
        notes=command["notes"],
        fields={name: field["type"] for name, field in fields.items()},
    )


async def obey(peer, order):
    do = order.pop("do")
    if do == "send":
        message = Message(to=order["to"], body=order["body"], thread=order.get("thread"))
        for name, value in order.get("metadata", {}).items():
            message.set_metadata(name, value)
        await peer.listen.send(message)
    elif do == "show":
        show = PresenceShow(order["show"])
        status, priority = order["status"], order["priority"]
        peer.presence.set_presence(PresenceType.AVAILABLE, show, status, priority)
    elif do == "subscribe":
        peer.presence.subscribe(order["to"])
    elif do == "publish":
        await peer.publish(order["text"])
    elif do == "make":
        await peer.pubsub.create(peer.pubsub_server, order["node"])
        await peer.pubsub.publish(peer.pubsub_server, order["node"], order["text"])
        tell("made")
    elif do == "follow":
        await peer.artifacts.focus(
            order["to"], lambda jid, text: tell("item", sender=JID(jid).bare, text=text)
        )
        tell("following")
    elif do == "info":
        await ask_info(peer, order["to"], order.get("node"))
    elif do == "call":
        await call(peer, order)
    elif do == "flood":
        for number in range(order["count"]):
            peer.client.send_raw(order["xml"].replace("NUMBER", str(number)))
            if number % 100 == 0:
                await asyncio.sleep(0)
    elif do == "raw":
        peer.client.send_raw(order["xml"])
    else:
        raise ValueError(do)


async def main(kind, jid, password, port):
    make = Thing if kind == "artifact" else Peer
    peer = make(jid, password, port=int(port), verify_security=False)
    await peer.start(auto_register=False)
    for plugin in ("xep_0004", "xep_0030", "xep_0050", "xep_0115"):
        peer.client.register_plugin(plugin)
    peer.client.add_event_handler("presence", tell_caps)
    peer.client.add_event_handler("message_error", lambda it: tell("error", id=it["id"]))
    peer.client.add_event_handler("disconnected", lambda _: tell("disconnected"))
    tell("ready", jid=str(peer.client.boundjid))
    lines = asyncio.StreamReader(limit=64 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        await obey(peer, json.loads(line))
    await peer.stop()
    tell("stopped")


def tell_caps(presence):
    for child in presence.xml:
        if child.tag == "{http://jabber.org/protocol/caps}c":
            tell("caps", sender=str(presence["from"]), **dict(child.attrib))


if __name__ == "__main__":
    import spade

    spade.run(main(*sys.argv[1:]))
