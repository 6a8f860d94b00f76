"""`scripts/demo` as its users run it, for what needs no server of the test's."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]

LEAKED = "canary-that-the-server-knows"


def run_demo(which: str, *arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one of its plays to the end, without the stores of whoever runs the suite."""
    known = {one: os.environ[one] for one in os.environ if not one.endswith("_URL")}
    return subprocess.run(
        [ROOT / "scripts/demo", which, *map(str, arguments)],
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={**known, "PYTHONUTF8": "1", "SSL_CERT_FILE": os.devnull, **settings},
    )


def verdicts_marked(run: subprocess.CompletedProcess[str], mark: str) -> set[str]:
    """What was found to be so: `PASS`, or else."""
    found = re.findall(r"^  (\S{4})  (.{16}) ", run.stdout, re.MULTILINE)
    return {about.strip() for given, about in found if given == mark}
