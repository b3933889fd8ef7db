"""A person's client: slixmpp-omemo, driven line by line. Every line is one JSON object."""

import asyncio
import json
import logging
import os
import sys

from omemo.storage import Just, Nothing, Storage
from slixmpp.clientxmpp import ClientXMPP
from slixmpp.jid import JID
from slixmpp.plugins import register_plugin
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp_omemo import XEP_0384

OLDER = "eu.siacs.conversations.axolotl"


def tell(**what):
    print(json.dumps(what), flush=True)


class File(Storage):
    """What the client knows, in a file."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.known = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.known = json.load(file)

    def write(self):
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(self.known, file)

    async def _load(self, key):
        return Just(self.known[key]) if key in self.known else Nothing()

    async def _store(self, key, value):
        self.known[key] = value
        self.write()

    async def _delete(self, key):
        self.known.pop(key, None)
        self.write()


class Omemo(XEP_0384):
    default_config = {"fallback_message": "This message is OMEMO encrypted.", "path": None}

    def plugin_init(self):
        self.__storage = File(self.path)
        super().plugin_init()

    @property
    def storage(self):
        return self.__storage

    @property
    def _btbv_enabled(self):
        return True

    async def _devices_blindly_trusted(self, devices, identifier):
        for device in devices:
            tell(saw="device", jid=device.bare_jid, device=device.device_id)

    async def _prompt_manual_trust(self, devices, identifier):
        raise RuntimeError("nobody is there to trust a device")


register_plugin(Omemo)


class Client(ClientXMPP):
    def __init__(self, jid, password, path):
        super().__init__(jid, password)
        for plugin in ("xep_0199", "xep_0380", "xep_0060", "xep_0163", "xep_0280"):
            self.register_plugin(plugin)
        self.register_plugin("xep_0384", {"path": path}, module=sys.modules[__name__])
        self.add_event_handler("session_start", self.begin)
        # Messages without a body are no event of their own; sessions need them.
        every = MatchXPath(f"{{{self.default_ns}}}message")
        self.register_handler(CoroutineCallback("every message", every, self.heard))

    async def begin(self, _):
        self.send_presence()
        await self.get_roster()
        self.manager = await self.plugin["xep_0384"].get_session_manager()
        me, _ = await self.manager.get_own_device_information()
        tell(saw="ready", device=me.device_id, key=me.identity_key.hex())
        self.task = asyncio.create_task(self.obey())

    async def obey(self):
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            order = json.loads(line)
            await self.say(JID(order["to"]), order["text"])
        self.disconnect()

    async def say(self, to, text):
        await self.manager.refresh_device_lists(to.bare)
        stanza = self.make_message(mto=to, mbody=text, mtype="chat")
        stanza.set_to(to)
        stanza.set_from(self.boundjid)
        sealed, errors = await self.plugin["xep_0384"].encrypt_message(stanza, to)
        for error in errors:
            tell(saw="trouble", error=repr(error))
        if sealed is None:
            tell(saw="trouble", error="nothing was sealed")
            return
        sealed["eme"]["namespace"] = OLDER
        sealed["eme"]["name"] = "OMEMO"
        sealed.send()
        tell(saw="sent", text=text)

    async def heard(self, stanza):
        plugin = self.plugin["xep_0384"]
        namespaces = plugin.is_encrypted(stanza)
        if not namespaces:
            return
        try:
            message, device = await plugin.decrypt_message(stanza)
        except NotImplementedError as error:
            # It opens the newer payload, and does not know what to do with the envelope.
            tell(saw="envelope", text=str(error))
            return
        except Exception as error:  # the test decides what is an error
            tell(saw="refused", error=f"{type(error).__name__}: {error}")
            return
        body = message["body"] if message.get("body") else None
        kind = "nothing" if body is None else "message"
        tell(saw=kind, text=body, device=device.device_id, namespaces=sorted(namespaces))


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("LOG", "CRITICAL"))
    jid, password, port, authority, path = sys.argv[1:]
    client = Client(jid, password, path)
    client.ca_certs = authority
    client.enable_direct_tls = False
    client.connect("127.0.0.1", int(port))
    client.loop.run_until_complete(client.disconnected)
