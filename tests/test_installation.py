"""An installation: the secrets that its settings leave to the data folder."""

import sys
from pathlib import Path

import pytest

from server.installation import installed
from server.settings import Settings, SettingsError, load


def settings_in(folder: Path, **environment: str) -> Settings:
    return load({"DATA_DIR": str(folder / "data"), **environment})


def test_a_master_key_is_made_once_and_kept(tmp_path: Path) -> None:
    made = installed(settings_in(tmp_path)).settings.master_keys
    assert [len(key) for key in made] == [32]
    assert installed(settings_in(tmp_path)).settings.master_keys == made
    assert installed(settings_in(tmp_path / "other")).settings.master_keys != made


def test_a_master_key_that_was_made_here_can_be_set_on_another_machine(tmp_path: Path) -> None:
    made = installed(settings_in(tmp_path)).settings.master_keys
    written = (tmp_path / "data/master-key").read_text()
    assert settings_in(tmp_path, MASTER_KEY=written).master_keys == made


def test_a_master_key_that_is_set_is_not_written_down(tmp_path: Path) -> None:
    installed(settings_in(tmp_path / "first"))
    key = (tmp_path / "first/data/master-key").read_text()
    installed(settings_in(tmp_path, MASTER_KEY=key))
    assert not (tmp_path / "data/master-key").exists()


def test_a_new_master_key_goes_before_the_old_one_in_the_file(tmp_path: Path) -> None:
    (old,) = installed(settings_in(tmp_path)).settings.master_keys
    (new,) = installed(settings_in(tmp_path / "other")).settings.master_keys
    file = tmp_path / "data/master-key"
    newer = (tmp_path / "other/data/master-key").read_text().strip()
    file.write_text(f"{newer},\n{file.read_text()}")
    assert installed(settings_in(tmp_path)).settings.master_keys == (new, old)


@pytest.mark.parametrize("damaged", ["", "\n", ",", "AAAA", "not base64", "A" * 43])
def test_a_damaged_master_key_stops_the_start_and_no_other_is_made(
    tmp_path: Path, damaged: str
) -> None:
    installed(settings_in(tmp_path))
    file = tmp_path / "data/master-key"
    file.write_text(damaged)
    with pytest.raises(SettingsError, match=r"master-key.*put back the copy") as refused:
        installed(settings_in(tmp_path))
    assert "delete" not in str(refused.value)
    assert file.read_text() == damaged


def test_a_bucket_without_what_speaks_to_it_stops_the_start_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path, FILES_URL="s3://chat-files")
    assert installed(settings).settings.files_url == "s3://chat-files"
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(SettingsError, match=r"FILES_URL.*pip install .*obstore"):
        installed(settings)
    installed(settings_in(tmp_path))
