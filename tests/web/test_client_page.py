"""docs/CLIENT.md names all that the client library tells and can do, and nothing else."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE, STRANGERS = (ROOT / "docs/CLIENT.md").read_text().split("## Groups of strangers")
CLIENT = ROOT / "server/web/client"


def source(name):
    return (CLIENT / name).read_text()


def words(text):
    return set(re.findall(r'"([a-z-]+)"', text))


def found(pattern, text):
    (one,) = re.findall(pattern, text, re.DOTALL | re.MULTILINE)
    return one


def typed(name, file, what="typedef"):
    """The words of a JSDoc type, which tsc holds the code to."""
    pattern = {
        "typedef": rf"@typedef \{{([^}}]*)\}} {name}\b",
        "property": rf"@property \{{([^}}]*)\}} {name}\b",
    }[what]
    return words(found(pattern, source(file)))


def row(start):
    """A row of a table, by its first cell."""
    return next(line for line in PAGE.splitlines() if line.startswith(f"| {start}"))


def table_after(line, page=PAGE):
    """The first cells of the table with this heading."""
    _, rest = page.split(line, 1)
    table, _, _ = rest.partition("\n\n")
    return [row.split(" | ")[0] for row in table.splitlines()[1:] if row.startswith("| ")]


def marked(text):
    return set(re.findall(r"`([a-z-]+)`", text))


def reasons(file, status):
    """The reasons that a file gives together with a status, however it says so."""
    given = re.findall(rf'status: "{status}", reason: "([a-z-]+)"', source(file))
    if status == "refused":
        given += re.findall(r'#refuse\(relayed, "([a-z-]+)"', source(file))
    return set(given)


def test_events():
    told = found(r"@typedef \{object\} SessionEvents\n(.*?)\n \*\n", source("member.js"))
    names = set(re.findall(r"@property \{.*\} (\w+)", told))

    assert {name.strip("| `") for name in table_after("| event | told |")} == names


@pytest.mark.parametrize(
    ("about", "stated"),
    [
        ("`state`", typed("State", "member.js")),
        ("`transfer`", typed("state", "files.js", "property")),
    ],
    ids=["state", "transfer"],
)
def test_states(about, stated):
    assert stated <= marked(row(about))


def test_statuses():
    shown = set().union(*(marked(cell) for cell in table_after("| status | it |")))

    assert shown == typed("status", "entries.js", "property")


@pytest.mark.parametrize("status", ["unreadable", "refused"])
def test_reasons_of_what_is_not_shown(status):
    given = reasons("receiver.js", status) | reasons("file_news.js", status)

    shown = marked(row(f"`{status}`")) - {status}
    # A repeated one is refused only if it has an entry already, which no literal tells.
    assert shown == given


def test_notices():
    told = PAGE.split("A **notice** has", 1)[1].split("\n## ", 1)[0]
    fields = {"notice", "id", "code", "count"}

    of_groups = {"key-changed", "split", "behind", "told-less"}
    assert marked(told) - fields == typed("NoticeCode", "entries.js") - of_groups
    assert of_groups <= marked(STRANGERS)


def test_what_a_session_can_do():
    body = source("session.js")
    done = set(re.findall(r"^  (?:static )?(?:async )?(\w+)\(.*\) \{$", body, re.MULTILINE))
    shown = set(re.findall(r"`(?:await )?(?:[sS]ession\.)?(\w+)\(", PAGE))

    assert shown == done - {"constructor"}


def test_what_a_session_has():
    had = re.findall(r"^  get (\w+)\(", source("session.js"), re.MULTILINE)
    people = found(r"@typedef \{object\} Person\n(.*?)\n \*/", source("roster.js"))
    inner = {"cardText", "heardMs", "awaitedMs"}
    fields = set(re.findall(r"@property \{.*?\} (\w+)", people)) - inner

    told = found(r"^A session has .*?\n\n", PAGE)
    assert set(re.findall(r"`(\w+)`", told)) == {*had, "link", *fields}


# --- groups of strangers ---


def test_events_of_groups():
    told = found(r"@typedef \{object\} GroupEvents\n(.*?)\n \*\n", source("strangers/group.js"))
    names = set(re.findall(r"@property \{.*\} (\w+)", told))

    assert {name.strip("| `") for name in table_after("| event | told |", STRANGERS)} == names


def test_states_of_groups():
    states = typed("GroupState", "strangers/group.js")

    shown = next(line for line in STRANGERS.splitlines() if line.startswith("| `state`"))
    assert states <= marked(shown)


def test_what_a_group_can_do():
    body = source("strangers/group.js")
    done = set(re.findall(r"^  (?:async )?(\w+)\(.*\) \{$", body, re.MULTILINE))

    shown = set(re.findall(r"`group\.(\w+)\(", STRANGERS))
    assert shown == done - {"constructor"}


def test_what_is_told_of_strangers():
    told = found(r"@typedef \{object\} Stranger\n(.*?)\n \*\n", source("strangers/people.js"))

    names = set(re.findall(r"@property \{.*?\} (\w+)", told))
    assert names <= set(re.findall(r"`(\w+)`", STRANGERS))


def test_reasons_of_what_strangers_say():
    body = source("strangers/inbox.js")

    for status in ("unreadable", "refused"):
        given = set(re.findall(rf'"{status}", "([a-z-]+)"', body))
        (shown,) = re.findall(rf"`{status}` for ([^;.]+)", STRANGERS)
        assert marked(shown) == given
