"""A secret, and a place with nothing else in it."""

import pytest

from scripts.audit_parts.files import Files
from scripts.audit_parts.forms import Needles, Secret, Trace

SECRET = "canary 18e39b20b752c489a1c5 /~ë€🐤?>&"
LABEL = "line 1"


@pytest.fixture
def whole() -> Needles:
    return Needles([Secret(LABEL, SECRET)])


@pytest.fixture
def files(whole: Needles) -> Files:
    return Files(whole, Needles([Secret(LABEL, SECRET)], cut=True))


def traces(*forms: str) -> set[Trace]:
    return {Trace(LABEL, form) for form in forms}
