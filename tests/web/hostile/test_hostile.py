"""What a hostile relay, or a hostile member, tries: in Node, between clients and real servers."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = sorted(Path(__file__).parent.glob("*.test.js"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.js"))
async def test_all_that_is_tried_is_refused_or_shown(file, played):
    went_well, said = await played(file)

    assert went_well, said
