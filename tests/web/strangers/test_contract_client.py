"""The helper that plays the contract's own client, with WebCrypto in Node, is right."""

from pathlib import Path

from tests.web.stage import play

FILE = Path(__file__).parents[2] / "js/contract_client.test.js"


async def test_the_contracts_client_keeps_what_the_contract_promises():
    went_well, said = await play(FILE)

    assert went_well, said
