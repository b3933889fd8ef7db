"""Subscribes with the client that SCANDALE's users have, and prints what it is told, a line each."""

import asyncio
import json
import sys

from fastapi_websocket_pubsub import PubSubClient


async def told(data, topic):
    print(json.dumps([topic, data]), flush=True)


async def main():
    client = PubSubClient()
    client.subscribe("scan", told)
    client.subscribe("tst", told)
    client.start_client(sys.argv[1])
    await client.wait_until_ready()
    print(json.dumps("ready"), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await client.disconnect()


asyncio.run(main())
