"""How people of workspaces show in a handshake who they are."""

import pytest
from socketio import exceptions

from tests.people import Person

SHOWN = {
    "a header": lambda token: {"headers": {"Authorization": f"Bearer {token}"}},
    "a header in small letters": lambda token: {"headers": {"authorization": f"bearer {token}"}},
    "a header beside an empty token": lambda token: {
        "headers": {"Authorization": f"Bearer {token}"},
        "auth": {"token": ""},
    },
    "a token as a header has it": lambda token: {"auth": {"token": f"Bearer {token}"}},
    "a token, which outranks the header": lambda token: {
        "headers": {"Authorization": "Bearer nonsense"},
        "auth": {"token": token},
    },
}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
async def test_a_handshake_shows_its_token_as_clients_of_other_gateways_do(
    server, alice, namespace, acme, shown, transport
):
    tab = Person(server, transport, namespace)
    await tab.connect(**shown(alice.token))
    assert (await tab.ask("join_workspace", {"workspaceId": acme}))["success"] is True
    await tab.vanish()


@pytest.mark.parametrize(
    "shown",
    [{"headers": {"Authorization": "Bearer nonsense"}}, {"auth": {"token": "Bearer nonsense"}}],
    ids=["header", "token"],
)
async def test_a_handshake_is_refused_whose_token_is_not_good(server, namespace, shown):
    with pytest.raises(exceptions.ConnectionError):
        await Person(server, namespace=namespace).connect(**shown)


@pytest.mark.parametrize(
    "shown",
    [
        {"headers": {"Authorization": "Basic dXNlcjpwYXNz"}},
        {"headers": {"Authorization": "Bearer "}},
        {"auth": {"token": "Bearer "}},
    ],
    ids=["another scheme", "an empty header", "an empty token"],
)
async def test_what_is_no_token_leaves_a_connection_nobodys(server, namespace, acme, shown):
    tab = Person(server, namespace=namespace)
    await tab.connect(**shown)
    assert (await tab.ask("join_workspace", {"workspaceId": acme}))["error"] == "unauthenticated"
    await tab.vanish()
