"""Copies TCP ports from one loopback address to another: relay.py HOST TARGET_IP PORT:TARGET_PORT..."""
import asyncio
import sys


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def to(address, port):
    async def handle(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(address, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    return handle


async def main(host, target, pairs):
    servers = []
    for pair in pairs:
        port, target_port = pair.split(":")
        servers.append(await asyncio.start_server(to(target, int(target_port)), host, int(port)))
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
