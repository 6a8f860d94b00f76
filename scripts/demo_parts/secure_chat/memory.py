"""Looking for what never leaves a device in the memory of the server's process."""

from collections.abc import Sequence

from scripts.audit_parts.forms import Needles, Secret
from scripts.audit_parts.looks import Look, not_asked
from scripts.demo_parts.evidence import local_servers
from scripts.demo_parts.memory import memory_pieces

WHAT = "memory"


def look_at_memory(url: str, secrets: Sequence[Secret], control: str) -> Look:
    """Look for words and keys, in all forms.

    Passwords and tokens are not looked for: they pass through, and what was freed still stands
    there.

    Args:
        control: Ciphertext of ours. Who does not find that has looked at another process.
    """
    pids = local_servers(url)
    if not pids:
        return not_asked(WHAT, "no process of the server is found on this machine")
    look = Look(WHAT, where="process " + ", ".join(map(str, pids)))
    try:
        has_control = _look_at(look, pids, secrets, control.encode())
    except OSError as error:
        return not_asked(WHAT, f"{look.where}: {error.strerror}; its user may look, or root")
    if not has_control and not look.found:
        return not_asked(WHAT, f"{look.where} does not hold our ciphertext; is it a proxy?")
    look.detail = "our ciphertext is in there"
    return look


def _look_at(look: Look, pids: list[int], secrets: Sequence[Secret], control: bytes) -> bool:
    """Look at all of them; returns whether the control was found."""
    needles = Needles(secrets)
    has_control = False
    for pid in pids:
        for piece in memory_pieces(pid, max(needles.longest_bytes, len(control))):
            look.size_bytes += len(piece)
            look.found |= needles.found_in(piece)
            has_control = has_control or control in piece
    return has_control
