"""What sealing and opening cost python-omemo, in CPU time: one line of JSON."""

import asyncio
import json
import logging
import sys
import time

import oldmemo
import twomemo
from omemo import SessionManager, TrustLevel
from omemo.storage import Just, Nothing, Storage

BUNDLES, LISTS = {}, {}


class Memory(Storage):
    def __init__(self):
        super().__init__()
        self.known = {}

    async def _load(self, key):
        return Just(self.known[key]) if key in self.known else Nothing()

    async def _store(self, key, value):
        self.known[key] = value

    async def _delete(self, key):
        self.known.pop(key, None)


class Manager(SessionManager):
    """Believes everybody; its server is a dictionary."""

    @staticmethod
    async def _upload_bundle(bundle):
        BUNDLES[bundle.namespace, bundle.bare_jid, bundle.device_id] = bundle

    @staticmethod
    async def _download_bundle(namespace, bare_jid, device_id):
        return BUNDLES[namespace, bare_jid, device_id]

    @staticmethod
    async def _delete_bundle(namespace, device_id):
        pass

    @staticmethod
    async def _upload_device_list(namespace, device_list):
        LISTS[namespace, Manager.making] = device_list

    @staticmethod
    async def _download_device_list(namespace, bare_jid):
        return LISTS.get((namespace, bare_jid), {})

    async def _evaluate_custom_trust_level(self, device):
        return TrustLevel.TRUSTED

    async def _make_trust_decision(self, undecided, identifier):
        for device in undecided:
            await self.set_trust(device.bare_jid, device.identity_key, "trusted")

    @staticmethod
    async def _send_message(message, bare_jid):
        pass


async def manager(jid, backend):
    Manager.making = jid
    storage = Memory()
    made = await Manager.create([backend(storage)], storage, jid, None, "undecided")
    await made.after_history_sync()
    return made


async def main(name, size, count):
    backend, namespace = {
        "omemo:2": (twomemo.Twomemo, twomemo.twomemo.NAMESPACE),
        "axolotl": (oldmemo.Oldmemo, oldmemo.oldmemo.NAMESPACE),
    }[name]
    one, other = await manager("one@test", backend), await manager("other@test", backend)
    for sender, receiver in ((one, "other@test"), (other, "one@test")):
        await sender.refresh_device_list(namespace, receiver)
    plain = {namespace: b"x" * size}

    async def sealed(sender, receiver):
        messages, _ = await sender.encrypt(frozenset({receiver}), plain)
        return next(iter(messages))

    # A session that both sides have confirmed.
    await other.decrypt(await sealed(one, "other@test"))
    await one.decrypt(await sealed(other, "one@test"))
    begun = time.process_time()
    messages = [await sealed(one, "other@test") for _ in range(count)]
    sealing = time.process_time() - begun
    begun = time.process_time()
    for message in messages:
        text, *_ = await other.decrypt(message)
        assert text == plain[namespace]
    opening = time.process_time() - begun
    print(json.dumps({"seal_us": sealing / count * 1e6, "open_us": opening / count * 1e6}))


logging.disable()
asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
