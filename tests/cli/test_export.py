"""``stemtree export``."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.page_songs import make_song


@pytest.mark.parametrize("kind", ["stem.mp4", "daw", "trackswitch", "zip"])
def test_export(cli: Callable, tmp_path: Path, kind: str) -> None:
    make_song(tmp_path / "song")
    outcome = cli("export", tmp_path / "song", "--as", kind, "-o", tmp_path / "out")
    assert (outcome.code, outcome.out) == (0, f"{tmp_path / 'out'}\n"), outcome.err
    assert (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["none", "--as", "zip"], "there is no folder 'none': give one that stemtree separate wrote"),
        (["song", "--as", "mp5"], "there is no export 'mp5'"),
        (
            ["song", "--as", "stem.mp4", "--part", "vocalist"],
            "has no node 'vocalist'; did you mean vocal",
        ),
        (["song", "--as", "zip", "-o", "/proc/song.zip"], "cannot write to '/proc'"),
        (["song", "--as", "zip", "-o", "song"], "'song' is there already: give --overwrite or another name with -o"),
    ],
)
def test_bad_input(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make_song(Path("song"))
    outcome = cli("export", *options)
    assert outcome.code == 1 and outcome.out == ""
    assert message in outcome.err and outcome.err.startswith("stemtree: ") and outcome.err.count("\n") == 1
