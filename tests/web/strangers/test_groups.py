"""Groups of strangers in the client library, in Node."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = sorted(Path(__file__).parent.glob("*.test.js"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.js"))
async def test_groups_of_strangers_do_what_their_tests_say(file, played):
    went_well, said = await played(file)

    assert went_well, said
