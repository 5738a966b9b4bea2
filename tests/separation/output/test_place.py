from pathlib import Path

import pytest

from stemtree.errors import OptionError
from stemtree.separation.output.filename import Filename
from stemtree.separation.output.layout import StemLayout
from stemtree.separation.output.place import Place, place_of, track_of


def test_where_songs_go() -> None:
    out = Path("out")
    assert place_of("a/song.mp3", out, StemLayout()) == Place(out / "song", "song")
    assert place_of("a/song.mp3", out, StemLayout(), "a_song") == Place(out / "a_song", "a_song")
    own = StemLayout(filename=Filename("x/{track}/{stem}.{ext}"))
    assert place_of("a/song.mp3", out, own) == Place(out / "x/song", "song")
    shared = place_of("a/song.mp3", out, StemLayout(filename=Filename("{track}_{stem}.{ext}")))
    assert shared == Place(out, "song", "song.tree.json")
    assert shared.is_shared and shared.staged_for == out / "song"


def test_stems_are_staged_on_the_disk_of_their_folder(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "song").symlink_to(tmp_path / "disk")
    assert Place(tmp_path / "song", "song").staged_for == tmp_path / "song" / "song"
    assert Place(tmp_path / "disk", "disk").staged_for == tmp_path / "disk"
    assert Place(tmp_path / "new", "new").staged_for == tmp_path / "new"
    assert Place(Path("/"), "song").staged_for == Path("/song")  # a disk of its own


def test_a_name_that_is_none() -> None:
    assert track_of(".hidden.take.wav") == "hidden.take"
    with pytest.raises(OptionError, match="rename the file"):
        track_of("...wav")
