"""The browser's implementation, at hand for questions."""

from collections.abc import Iterator

import pytest

from tests.web.protocol.node import Node


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    process = Node()
    yield process
    process.close()
