"""One certificate in one call: prove by HTTP on port 80, keep it under ./state, print where it ends.

    python examples/obtain.py www.example.com
"""

import sys

import evercert

issued = evercert.obtain(sys.argv[1], ca="letsencrypt-staging", challenge="http-01", home="state")
print(f"{issued.name}: serial {issued.serial}, valid until {issued.not_after:%Y-%m-%d %H:%M} UTC")
