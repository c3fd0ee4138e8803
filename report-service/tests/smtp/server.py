"""A mail server for tests: TLS before anything else, some receivers that it refuses; each letter is one line of JSON.

server.py CERTIFICATE KEY
"""

import asyncio
import email
import json
import ssl
import sys
from email import policy

from aiosmtpd.smtp import SMTP


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later@"):
            return "451 4.7.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.content, policy=policy.default)
        parts = [part for part in letter.walk() if not part.is_multipart()]
        told = {
            "tls": session.ssl is not None,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in letter.items()],
            "text": parts[0].get_content(),
            "attachments": [
                [part.get_filename(), part.get_content_type(), len(part.get_payload(decode=True))] for part in parts[1:]
            ],
        }
        print(json.dumps(told), flush=True)
        return "250 OK"


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    make = lambda: SMTP(Handler(), tls_context=context, require_starttls=True, hostname="localhost")
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
