"""Schemathesis finds nothing: what is documented is so, and all else is refused as documented."""

import re
from pathlib import Path

import pytest

from tests.apis.attacks.documented import ENDINGS, ask_all, settings
from tests.apis.attacks.scenes import ROUTES
from tests.system.processes import server_process

REACHED = {
    "GET /api/admin/accounts",
    "GET /api/auth/devices",
    "GET /api/groups",
    "GET /api/groups/current",
    "GET /api/users/me",
    "GET /api/messages/conversations",
    "GET /api/messages/offline",
    "GET /api/rooms",
    "GET /sessions",
    "POST /api/auth/guest",
    "POST /api/auth/signup",
    "POST /api/admin/cleanup-expired-events",
    "GET /api/admin/event-queues",
    "GET /api/groups/{group_id}",
    "POST /api/events",
    "POST /api/groups",
    "POST /api/groups/{group_id}/members",
    "POST /api/register",
    "POST /api/groups/join-random",
    "POST /api/messages/search",
    "POST /api/reserve-session",
    "GET /chat/conversations/{conversationId}/messages",
    "GET /chat/files/{fileId}",
    "GET /chat/presence/{workspaceId}",
    "GET /chat/search",
    "GET /chat/workspaces",
    "POST /chat/conversations",
    "POST /chat/conversations/{conversationId}/files",
    "POST /chat/conversations/{conversationId}/messages",
    "POST /chat/messages/{messageId}/reactions",
    "POST /chat/workspaces/{workspaceId}/members",
    "PUT /chat/conversations/{conversationId}",
    "PUT /chat/messages/{messageId}",
    "PUT /chat/presence",
}
"""Some of what answers well: so the run came further than to the door."""


@pytest.mark.timeout(500)
def test_all_that_the_document_says_is_so(tmp_path: Path) -> None:
    """`scripts/fuzz --rest` asks more, and longer."""
    with settings() as known, server_process(tmp_path, **known) as server:
        outcome = ask_all(server, tmp_path, phases="examples,coverage", max_examples=1, seed=1)
        log = server.log

    assert outcome.is_good, outcome.report
    assert outcome.is_signed_in
    assert '"exception"' not in log
    assert '"level": "error"' not in log
    assert {route for route, status in outcome.statuses if status < 300} >= REACHED
    seen = {route for route, _ in outcome.statuses}
    names = {f"{route.method} {route.path}" for route in ROUTES.values()}
    assert seen >= {name for name in names if not re.search(ENDINGS, name)}
