"""`python -m server.workers DESCRIPTOR`: one worker, as its supervisor starts it."""

import gc
import sys


def main() -> int:
    gc.disable()  # nothing of what is loaded now is garbage; `run` has it enabled again
    from server.workers.work import run_worker  # noqa: PLC0415

    return run_worker(int(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
