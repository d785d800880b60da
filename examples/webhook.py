"""A receiver of webhooks with nothing but the standard library: the sender is proved, and each event is taken once.

    WEBHOOK_SECRET=... python webhook.py PORT

Behind a TLS server that forwards to it, it prints one line for each event. `is_genuine` is all that another receiver
needs; libraries for Standard Webhooks (standardwebhooks.com) do the same.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

# How far the clocks may be apart (seconds): what was recorded cannot be sent again later.
TOLERANCE = 300
LARGEST = 1 << 20


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """Whether whoever knows the secret has sent exactly this body, just now. Look at the octets as they came, before
    they are read as JSON."""
    called, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not re.fullmatch("[0-9]{1,15}", timestamp) or abs(now - int(timestamp)) > TOLERANCE:
        return False
    encoded = secret.removeprefix("whsec_")
    key = base64.b64decode(encoded) if encoded != secret else secret.encode()
    if not key:  # with no key anybody signs
        return False
    signed = hmac.digest(key, f"{called}.{timestamp}.".encode() + body, "sha256")
    right = "v1," + base64.b64encode(signed).decode()
    # There may be several, with blanks between, while a secret is being changed for another one.
    signatures = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(right.encode(), each.encode()) for each in signatures)


class Receiver(BaseHTTPRequestHandler):
    """Keep `taken` in your database: an event that was taken and not answered in time comes again, with the same id."""

    taken: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > LARGEST:
            self.send_error(400)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_genuine(headers, body, os.environ["WEBHOOK_SECRET"], time.time()):
            self.send_response(401)
        else:
            if headers["webhook-id"] not in self.taken:
                event = json.loads(body)
                print(event["id"], event["kind"], event["certificate"] or "-", flush=True)
                self.taken.add(headers["webhook-id"])
            self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
