"""What front-end developers rely on, in Node and against real servers."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = sorted(Path(__file__).parent.glob("*.test.js"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.js"))
async def test_the_client_library_does_what_its_tests_say(file, played):
    went_well, said = await played(file)

    assert went_well, said
