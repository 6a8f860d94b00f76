"""A large file through a real server, by `scripts/soak --file`; 1 GiB is `--file 1024`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.soak_parts.files import MOST_MB

ROOT = Path(__file__).parents[2]

SIZE_MIB = 256
"""A server that kept half of it would take more than is allowed."""


@pytest.mark.timeout(300)
def test_a_large_file_goes_up_and_down_and_the_server_never_holds_it() -> None:
    assert SIZE_MIB > 2 * MOST_MB
    command = (sys.executable, "-m", "scripts.soak_parts", "--file", str(SIZE_MIB))
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    taken = re.search(r"^ *(\S+) MB more resident", done.stdout, re.MULTILINE)
    assert taken, done.stdout
    assert float(taken[1]) < MOST_MB
