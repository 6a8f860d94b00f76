"""What an operator relies on before the first connection: clone, locks, wheel, Procfile."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from server.transports.web_files import built_in
from server.version import VERSION

ROOT = Path(__file__).parents[2]

# A cold set-up downloads some megabytes.
pytestmark = pytest.mark.timeout(300)


def run(*command, cwd=ROOT, **env):
    return subprocess.run(
        command, cwd=cwd, env=os.environ | env, check=False, capture_output=True, text=True
    )


def committed_files():
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    assert listed.returncode == 0, listed.stderr
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def clone_into(folder, *only):
    """Copy what a clone has, or only these of it."""
    for name in map(Path, only) if only else committed_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A fresh clone that was started once."""
    folder = clone_into(tmp_path_factory.mktemp("clone"))
    started = run(folder / "scripts/serve", "--help", cwd="/")
    assert started.returncode == 0, started.stderr
    assert "usage:" in started.stdout
    return folder


def identity_of(path):
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_an_unchanged_start_leaves_the_venv_alone(clone):
    stamp = clone / ".venv/made-from.lock"
    before = identity_of(stamp)

    again = run(clone / "scripts/serve", "--version", cwd="/")

    assert VERSION in again.stdout
    assert again.stderr == ""
    assert identity_of(stamp) == before


def test_the_server_gets_the_packages_of_the_runtime_lock_and_no_others(clone):
    installed = {
        canonicalize_name(info.name.split("-")[0])
        for info in clone.glob(".venv/lib/*/site-packages/*.dist-info")
    }
    assert installed - {"pip", "setuptools"} <= pins("requirements.lock").keys()


MAKE_VENV = ("/bin/sh", "-euc", ". scripts/venv; make_venv made small.lock")


def test_a_package_of_another_hash_is_refused_and_the_next_start_begins_anew(tmp_path):
    fresh = clone_into(tmp_path / "clone", "scripts/venv")
    lock = fresh / "small.lock"
    honest = only("python-dotenv", (ROOT / "requirements.lock").read_text())
    lock.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", honest))
    refused = run(*MAKE_VENV, cwd=fresh)
    passes_as_made = (fresh / "made/made-from.lock").exists()
    lock.write_text(honest)
    debris = fresh / "made/debris"
    debris.touch()

    starts = two_at_once(*MAKE_VENV, cwd=fresh)

    assert refused.returncode != 0
    assert not passes_as_made
    assert [status for status, _ in starts] == [0, 0]
    assert sorted("making made" in stderr for _, stderr in starts) == [False, True]
    assert list(fresh.glob("made/lib/*/site-packages/dotenv"))
    assert not debris.exists()


def only(package, lock):
    """The part of a lock that is about one package: it is fetched in a moment."""
    (found,) = re.findall(rf"^{package}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    return found


def two_at_once(*command, cwd):
    """The status of each, and what it said on standard error."""
    started = [
        subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate()[1] for process in started]
    return [(process.returncode, text) for process, text in zip(started, said, strict=True)]


INSTALL = ("/bin/sh", "-euc", '. scripts/venv; install_by_pip "$@"', "sh")

DOTENV, UV = "python-dotenv==1 \\\n    --hash=sha256:1\n", "uv==2 \\\n    --hash=sha256:2\n"


@pytest.mark.parametrize(
    ("lock", "fails", "steps"),
    [
        (DOTENV, "nothing", [("pip", DOTENV)]),
        (UV + DOTENV, "nothing", [("pip", UV), ("uv", UV + DOTENV)]),
        (UV + DOTENV, "uv", [("pip", UV), ("uv", UV + DOTENV), ("pip", UV + DOTENV)]),
    ],
)
def test_where_uv_is_pinned_it_brings_the_others_if_it_can(tmp_path, lock, fails, steps):
    bin_folder = tmp_path / "made/bin"
    bin_folder.mkdir(parents=True)
    (tmp_path / "lock").write_text(lock)
    noting = 'while [ "$1" != -r ]; do shift; done; cat "$2" >>"$0.$count"'
    add(
        bin_folder,
        "python",
        f"""count=$(ls "$0".* 2>/dev/null | wc -l); echo "$2" >"$0.$count"
        is=$2; {noting}; [ "$is" != {fails} ]""",
    )

    pip = (bin_folder / "python", "-m", "pip")
    done = run(*INSTALL, tmp_path / "made", tmp_path / "lock", *pip)

    told = [file.read_text().partition("\n") for file in sorted(bin_folder.glob("python.*"))]
    assert [(how, what) for how, _, what in told] == steps
    assert (done.returncode, done.stderr) == (0, "")


STARTING = ("scripts/serve", "scripts/venv", "requirements.lock")


@pytest.fixture
def stubs(tmp_path):
    """A folder at the head of the PATH whose programs only fail."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    for name in ("python3", *(f"python3.{minor}" for minor in range(11, 15)), "apt-get"):
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    return folder


def test_without_a_new_enough_python_the_start_says_which_is_needed(tmp_path, stubs):
    fresh = clone_into(tmp_path / "clone", *STARTING)

    start = run(fresh / "scripts/serve", PATH=f"{stubs}:/usr/bin:/bin")

    assert start.returncode != 0
    assert "Python 3.11 or newer" in start.stderr


def test_where_no_venv_can_be_made_the_start_names_the_package_to_install(tmp_path, stubs):
    fresh = clone_into(tmp_path / "clone", *STARTING)
    python = Path(sys.executable).resolve()
    (stubs / "python3").unlink()
    (stubs / "python3").symlink_to(python)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for module in ("ensurepip", "pip"):
        (hidden / f"{module}.py").write_text("raise ImportError")

    start = run(fresh / "scripts/serve", PATH=f"{stubs}:/usr/bin:/bin", PYTHONPATH=str(hidden))

    assert start.returncode != 0
    assert f"apt-get install {python.name}-venv" in start.stderr
    assert not (fresh / ".venv").exists()


@pytest.fixture
def bare(tmp_path):
    """A folder to be the whole PATH: Debian as root, without a browser."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("chmod", "touch"):
        (folder / name).symlink_to(shutil.which(name))
    add(folder, "id", "echo 0")
    return folder


def add(folder, name, script):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def debian_with(folder, *packages):
    """An apt-get that can install these, and notes what it is asked for in `asked`."""
    known = "|".join(f"*' {name} '*" for name in packages)
    add(
        folder,
        "apt-get",
        f"""echo "$@" >> {folder.parent}/asked
        case " $* " in *' update '*) ;; {known}) ;; *) exit 100 ;; esac
        for name in {" ".join(packages)}; do case " $* " in *" $name "*)
            touch {folder}/$name; chmod +x {folder}/$name ;; esac; done""",
    )


SHELL, WHOLE = "chromium-headless-shell", "chromium"

PROVIDE_CHROMIUM = ("/bin/sh", "-euc", '. scripts/venv; provide_chromium; echo "$CHROMIUM"')


@pytest.mark.parametrize(
    ("packages", "there", "provided"),
    [
        ((SHELL, WHOLE), [], SHELL),
        ((SHELL, WHOLE), [WHOLE], SHELL),
        ((WHOLE,), [], WHOLE),
        ((WHOLE,), [WHOLE], WHOLE),
        (("nothing",), ["google-chrome"], "google-chrome"),
    ],
)
def test_root_on_debian_gets_the_cheapest_browser_there_is(bare, packages, there, provided):
    debian_with(bare, *packages)
    for name in there:
        add(bare, name, "")

    done = run(*PROVIDE_CHROMIUM, PATH=str(bare), CHROMIUM="")

    assert (done.returncode, done.stdout.strip()) == (0, str(bare / provided))


def test_a_browser_that_is_there_already_is_taken(bare, tmp_path):
    debian_with(bare, SHELL)
    add(bare, SHELL, "")

    done = run(*PROVIDE_CHROMIUM, PATH=str(bare), CHROMIUM="")

    assert (done.returncode, done.stdout.strip()) == (0, str(bare / SHELL))
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize(
    ("stub", "script", "named"),
    [("id", "echo 1000", ""), ("id", "echo 0", "/nowhere/chromium"), ("apt-get", "exit 100", "")],
)
def test_without_a_browser_the_tests_say_what_to_install(bare, stub, script, named):
    debian_with(bare, SHELL)
    add(bare, stub, script)

    provided = run(*PROVIDE_CHROMIUM, PATH=str(bare), CHROMIUM=named)

    assert provided.returncode == 1
    assert "apt-get install chromium" in provided.stderr


STUB_OF_PYTHON = """
case "$*" in *pytest*) ;; *) echo "$PWD/node"; exit ;; esac
echo "testing with $*"
trap 'echo interrupted; exit 2' INT
touch begun
n=0; while [ ! -e enough ] && [ $n -lt 600 ]; do n=$((n + 1)); sleep 0.1; done
exit "$(cat enough)"
"""
"""What ends by an interrupt, or as the file `enough` says."""

PLACES_OF_MODULES = ("tests/js", "scripts/bench_parts/node")


@pytest.fixture
def furnished(tmp_path):
    """A clone that has all that the suite needs; its tests and its check are stubs."""
    locks = ["requirements-dev.lock", *(f"{one}/package-lock.json" for one in PLACES_OF_MODULES)]
    folder = clone_into(tmp_path / "clone", "scripts/test", "scripts/venv", *locks)
    (folder / ".venv-dev/bin").mkdir(parents=True)
    shutil.copy(folder / "requirements-dev.lock", folder / ".venv-dev/made-from.lock")
    add(folder / ".venv-dev/bin", "python", STUB_OF_PYTHON)
    for place in PLACES_OF_MODULES:
        (folder / place / "node_modules").mkdir()
        lock = folder / place / "package-lock.json"
        shutil.copy(lock, folder / place / "node_modules/made-from.lock")
    return folder


def test_what_the_check_finds_ends_the_tests_and_is_told(furnished):
    begun = "timeout 30 sh -c 'until [ -e begun ]; do sleep 0.1; done'"
    add(furnished / "scripts", "check", f"{begun}; echo 'FAIL  types'; exit 1")

    done = run(furnished / "scripts/test", "-k", "word", cwd="/")

    assert done.returncode == 1
    assert "FAIL  types" in done.stdout
    assert "scripts/check has found something" in done.stderr
    assert re.search(r"^testing with .*-k word$", done.stdout, re.MULTILINE)
    assert "interrupted" in done.stdout


@pytest.mark.parametrize("status", [0, 1, 5])
def test_where_the_check_finds_nothing_the_status_is_that_of_the_tests(furnished, status):
    # The tests are over before the check is, or the other way round.
    ended = f"echo {status} >enough"
    add(furnished / "scripts", "check", ended if status else f"sleep 0.5; {ended}")

    done = run(furnished / "scripts/test", cwd="/")

    assert (done.returncode, done.stderr) == (status, "")


def test_what_the_check_finds_when_the_tests_are_over_is_told_as_well(furnished):
    (furnished / "enough").write_text("0")
    add(furnished / "scripts", "check", "echo 'FAIL  lint'; exit 1")

    done = run(furnished / "scripts/test", cwd="/")

    assert done.returncode == 1
    assert "FAIL  lint" in done.stdout


@pytest.fixture(scope="module")
def wheel(clone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=clone)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def server_files():
    return {str(name) for name in committed_files() if name.parts[0] == "server"}


def test_the_wheel_holds_every_file_of_the_server(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert packed >= server_files()


def test_the_source_package_holds_every_file_of_the_server(clone, tmp_path):
    built = run(
        sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=clone
    )
    assert built.returncode == 0, built.stderr
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert packed >= server_files()


def test_the_installed_wheel_runs_as_module_and_as_command(clone, wheel, tmp_path):
    bin_folder = tmp_path / "venv/bin"
    shutil.copytree(clone / ".venv", tmp_path / "venv", symlinks=True)
    into = ("--python", bin_folder / "python", "--no-deps", "--offline", "--no-cache")
    installed = run(sys.executable, "-m", "uv", "pip", "install", *into, wheel)
    assert installed.returncode == 0, installed.stderr

    as_module = run(bin_folder / "python", "-m", "server", "--help", cwd=tmp_path)
    as_command = run(bin_folder / "hushwire", "--help", cwd=tmp_path)
    version = run(bin_folder / "hushwire", "--version", cwd=tmp_path)
    show_page = (
        "from server.transports.web_files import built_in; print(built_in().page.plain.etag)"
    )
    page = run(bin_folder / "python", "-c", show_page, cwd=tmp_path)

    assert as_module.returncode == as_command.returncode == 0
    assert as_module.stdout == as_command.stdout
    assert VERSION in version.stdout
    assert page.stdout.strip() == built_in().page.plain.etag, page.stderr


def test_the_procfile_serves_port_on_every_address(clone):
    (web,) = re.findall(r"^web: (.+)$", (clone / "Procfile").read_text(), re.MULTILINE)

    server = subprocess.Popen(
        ["/bin/sh", "-c", web],
        cwd=clone,
        env=os.environ | {"PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout
        said = next((line for line in server.stdout if "http://" in line), "nothing")
        port = re.search(r"http://[^ /]+:(\d+)", said)
        assert port, said
        assert port[1] not in {"0", "3001"}
        # A server that listens on 127.0.0.1 only does not answer here.
        socket.create_connection(("127.0.0.2", int(port[1])), timeout=10).close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.communicate()


def test_no_committed_file_names_a_package_registry():
    registry = re.compile(rb"(pypi|pythonhosted|npmjs|yarnpkg|deb\.debian)\.(org|com)")
    assert [name for name in committed_files() if registry.search((ROOT / name).read_bytes())] == []


def pins(lock):
    """Which version a lock file demands of which package."""
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^(\S+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_locks_meet_what_pyproject_asks_for(lock):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"]
    if lock == "requirements-dev.lock":
        wanted = wanted + project["dependency-groups"]["dev"]

    unmet = [
        asked
        for asked in map(Requirement, wanted)
        if not asked.specifier.contains(pins(lock).get(canonicalize_name(asked.name), "0"))
    ]

    assert unmet == []


def test_tests_run_on_the_versions_that_are_served():
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()
