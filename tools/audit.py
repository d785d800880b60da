#!/usr/bin/env python3
"""Ask for the known vulnerabilities of every pinned version, and never take silence for health.

A vulnerable version is a failure. Where the advisory service does not answer (an index mirror that serves files
only), that is said in so many words and is none: what is pinned does not change by itself, and whoever can reach the
service asks it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Nothing is installed and nothing resolved: the versions and hashes are those of the lock.
COMMAND = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--timeout", "10", "--format", "json"]


def main() -> int:
    found = vulnerable = unknown = 0
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        for dependency in advisories(lock):
            found += 1
            unknown += "skip_reason" in dependency
            for flaw in dependency.get("vulns", []):
                vulnerable += 1
                fixed = ", ".join(flaw.get("fix_versions", [])) or "none yet"
                print(f"{lock.name}: {dependency['name']} {dependency['version']}: {flaw['id']}, fixed in: {fixed}")
    if unknown:
        print(f"NOT AUDITED: no advisories can be had for {unknown} of {found} pinned versions from here")
    print(f"{found - unknown} pinned versions audited, {vulnerable} vulnerabilities known")
    return 1 if vulnerable else 0


def advisories(lock: Path) -> list[dict[str, object]]:
    """What is known of each version; all unknown when the service cannot be reached at all."""
    command = [ROOT / ".venv/bin/pip-audit", *COMMAND, "--requirement", lock]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError):
        print(f"{lock.name}: {(done.stderr.strip().splitlines() or ['no answer'])[-1][:200]}", file=sys.stderr)
        pinned = [line.split("==")[0] for line in lock.read_text().splitlines() if "==" in line and line[0] not in " #"]
        return [{"name": name, "skip_reason": "no answer"} for name in pinned]


if __name__ == "__main__":
    sys.exit(main())
