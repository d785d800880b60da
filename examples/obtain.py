"""One certificate in one call: proved by HTTP, kept under ./state, and renewed by the same call when it is time.

python examples/obtain.py www.example.com
python examples/obtain.py www.example.test https://localhost:14000/dir ca.pem 5002
"""

import sys

import evercert
from evercert.model.intent import ChallengeRule


def main(name: str, ca: str = "letsencrypt-staging", roots: str = "", port: str = "80") -> None:
    rule = ChallengeRule("http-01", "standalone", {"port": port})
    issued = evercert.obtain(name, ca=ca, ca_roots=roots, challenge=rule, home="state")
    print(f"{issued.name}: serial {issued.serial}, valid until {issued.not_after:%Y-%m-%d %H:%M} UTC")


if __name__ == "__main__":
    main(*sys.argv[1:])
