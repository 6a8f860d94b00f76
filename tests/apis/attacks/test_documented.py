"""Schemathesis finds nothing: what is documented is so, and all else is refused as documented."""

from pathlib import Path

import pytest

from tests.apis.attacks.documented import SETTINGS, ask_all
from tests.apis.attacks.scenes import ROUTES
from tests.system.processes import server_process

NEVER_GOOD = {
    # Nobody guesses a token, a password, a signature or an id.
    "POST /api/auth/refresh",
    "POST /api/auth/logout",
    "POST /api/auth/login",
    "POST /api/auth/password",
    "POST /api/keys/register",
    "POST /api/keys/rotate",
}


@pytest.mark.timeout(500)
def test_all_that_the_document_says_is_so(tmp_path: Path) -> None:
    """`scripts/fuzz --rest` asks more, and longer."""
    with server_process(tmp_path, **SETTINGS) as server:
        outcome = ask_all(server, tmp_path, phases="examples,coverage", max_examples=1, seed=1)
        log = server.log

    assert outcome.is_good, outcome.report
    assert outcome.is_signed_in
    assert '"exception"' not in log
    assert '"level": "error"' not in log
    # It came further than to the door.
    good = {route for route, status in outcome.statuses if status < 300}
    named = {name for name in ROUTES if "{" in name}
    assert ROUTES.keys() - named - good <= NEVER_GOOD
    assert {route for route, _ in outcome.statuses} >= ROUTES.keys()
