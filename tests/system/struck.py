"""A tool that gets a signal at the worst moment: a process runs, and nobody has noted it yet.

    python -m tests.system.struck SIGNAL WORD TOLD MODULE ARGUMENT…

runs MODULE with the ARGUMENTs. Of all processes that it starts the ids are written to TOLD; the
first whose command has WORD in it is the one.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

_STARTED = subprocess.Popen


class _Struck(_STARTED[Any]):
    is_to_come = True

    def __init__(self, command: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(command, *arguments, **options)
        with told.open("a") as file:
            file.write(f"{self.pid}\n")
        if _Struck.is_to_come and word in " ".join(map(str, command)):
            _Struck.is_to_come = False
            os.kill(os.getpid(), signum)


signum, word, told = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
sys.argv = sys.argv[4:]
subprocess.Popen = _Struck  # type: ignore[misc, assignment]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
