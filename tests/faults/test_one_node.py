"""One node on its own memory: the harness itself, before there is any fault."""

from pathlib import Path

from tests.faults.nodes import running_nodes
from tests.faults.talk import talking


async def test_talk_without_a_fault_is_judged_to_have_none(tmp_path: Path) -> None:
    async with running_nodes(tmp_path, None, 1) as nodes, talking(nodes) as talk:
        await talk.more(30)

        report = await talk.end()

    print("\n".join(report.lines()))
    assert report.faults == []
