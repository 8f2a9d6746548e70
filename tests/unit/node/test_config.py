"""Paths of the state folder: private, checked, short enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.config import Home, short_socket_path
from node.errors import ConfigError, PrerequisiteError


def test_the_argument_wins_over_the_variable_and_that_over_the_default(tmp_path: Path) -> None:
    environ = {"TENWINGS_HOME": str(tmp_path / "variable")}
    assert Home.find(tmp_path / "argument", environ).root == tmp_path / "argument"
    assert Home.find(None, environ).root == tmp_path / "variable"
    assert Home.find(None, {}).root == Path.cwd() / ".tenwings"


def test_every_path_lies_under_the_root(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    paths = {
        home.chain_state: "chain/state.json",
        home.deployment: "chain/deployment.json",
        home.ipfs("alice"): "ipfs/alice",
        home.flower_tls: "flower/tls",
        home.flower_state: "flower/state.db",
        home.superexec_secret: "flower/superexec.secret",
        home.member("alice").keystore: "members/alice/keystore.json",
        home.member("alice").password: "members/alice/password",
        home.member("alice").node_key: "members/alice/node_key",
        home.member("alice").node_key_public: "members/alice/node_key.pub",
        home.member("alice").worker_socket: "members/alice/worker.sock",
        home.log("superlink"): "logs/superlink.log",
        home.run(3): "runs/3",
    }
    assert {path.relative_to(home.root).as_posix() for path in paths} == set(paths.values())


def test_folders_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    folders = [home.member("alice").flower, *home.member("alice").flower.parents][:4]
    assert [folder.name for folder in folders] == ["flower", "alice", "members", "home"]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


@pytest.mark.parametrize("name", ["", "Alice", "1alice", "a" * 33, "al/ice", "../alice", "al ice"])
def test_a_name_unfit_for_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="expected a member name"):
        Home(tmp_path).member(name)


def test_a_member_name_may_have_32_characters_and_hyphens(tmp_path: Path) -> None:
    assert Home(tmp_path).member("a-1" + "b" * 29).name == "a-1" + "b" * 29


def test_a_service_name_with_a_slash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a service name"):
        Home(tmp_path).log("../passwd")


def test_a_folder_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PrerequisiteError, match=r"file/home.*--home"):
        Home(tmp_path / "file" / "home").require()


def test_too_little_free_disk_is_told_in_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 7 * 1024 * 1024})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(PrerequisiteError, match=r"at least 200 MiB free .* there are 7"):
        Home(tmp_path / "home").require()


def test_a_socket_path_too_long_for_unix_moves_to_a_short_private_folder(tmp_path: Path) -> None:
    wanted = tmp_path / ("d" * 90) / "worker.sock"
    short = short_socket_path(wanted)
    assert len(str(short)) <= 107
    assert short == short_socket_path(wanted)
    assert short != short_socket_path(tmp_path / ("e" * 90) / "worker.sock")
    assert short.parent.stat().st_mode & 0o777 == 0o700


def test_a_short_socket_path_stays_where_it_is() -> None:
    assert short_socket_path(Path("/tmp/w.sock")) == Path("/tmp/w.sock")


def test_a_private_folder_open_to_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/tmp/" + tmp_path.name)
    folder = Path("/tmp") / tmp_path.name
    folder.mkdir(exist_ok=True)
    short = short_socket_path(tmp_path / ("d" * 90) / "worker.sock")
    short.parent.chmod(0o777)
    with pytest.raises(PrerequisiteError, match="mode 0700"):
        short_socket_path(tmp_path / ("d" * 90) / "worker.sock")
    short.parent.rmdir()
    folder.rmdir()
