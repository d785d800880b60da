"""The same protocol without an event loop: make an account, show it, and ask when a certificate should be renewed.

python examples/blocking.py https://localhost:14000/dir ca.pem [certificate.pem]
"""

import sys
from pathlib import Path

from evercert import Client
from evercert.base.clock import SystemClock
from evercert.net.blocking import BlockingHttpTransport
from evercert.net.http import HttpSettings
from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from evercert.pki.keys import KeyType, generate


def main(directory: str, roots: Path, certificate: Path | None) -> None:
    clock = SystemClock()
    client = Client(directory, generate(KeyType.EC256), BlockingHttpTransport(HttpSettings(roots=roots), clock), clock)
    account = client.new_account(["mailto:ops@example.com"], terms_agreed=True)
    print(f"account {account.url} is {account.status}")
    if certificate:
        view = read_certificate(split_pem(certificate.read_bytes())[0])
        window = client.renewal_info(view.ari_id).suggested_window
        print(f"renew {view.serial} between {window.start} and {window.end}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
