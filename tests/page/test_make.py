import json
from pathlib import Path

import pytest
import soundfile
from support.page_songs import make_song, read_call

from stemtree.errors import StemtreeError
from stemtree.page.make import find_page, make_page


def test_a_page_is_made_anew_when_its_stems_are_others(tmp_path: Path) -> None:
    make_song(tmp_path)
    assert find_page(tmp_path) is None
    page = make_page(tmp_path)
    assert find_page(tmp_path) == page
    (tmp_path / "vocal.wav").touch()
    assert find_page(tmp_path) == page  # the same samples
    steps, rate = soundfile.read(tmp_path / "vocal.wav", dtype="int16")
    steps[5] += 1
    soundfile.write(tmp_path / "vocal.wav", steps, rate, "PCM_16")
    with pytest.raises(StemtreeError, match=r"vocal.wav' has changed since its page was made: give --remake"):
        find_page(tmp_path)
    soundfile.write(tmp_path / "vocal.wav", steps // 2, rate, "PCM_16")
    with pytest.raises(StemtreeError, match=r"vocal.wav' has changed since it was separated .its RMS is"):
        make_page(tmp_path)
    soundfile.write(tmp_path / "vocal.wav", steps[:-1], rate, "PCM_16")
    with pytest.raises(StemtreeError, match=r"29999 samples.*tree.json says 30000"):
        make_page(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith(".")) == []


def test_a_folder_that_is_no_page_stays(tmp_path: Path) -> None:
    make_song(tmp_path)
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "notes.txt").write_text("mine")
    with pytest.raises(StemtreeError, match="is there and is no page of stemtree's: move it away"):
        make_page(tmp_path)
    assert (tmp_path / "page" / "notes.txt").read_text() == "mine"
    make_song(tmp_path / "other", {"page": {"one": {}, "two": {}}})
    with pytest.raises(StemtreeError, match="a node of this tree is called 'page'"):
        make_page(tmp_path / "other")


def test_the_page_of_a_query(tmp_path: Path) -> None:
    """Its nodes have names of levels; their colour is that of the example's instrument."""
    make_song(tmp_path, {"level_2": {"level_1": {}, "rest": {}}, "rest": {}}, title="bass song")
    manifest = json.loads((tmp_path / "tree.json").read_text())
    for name, family, note in (
        ("clarinet.wav", "winds", ["Asked for with clarinet.wav."]),
        ("bass song.wav", "neutral", ["Asked for with bass song.wav."]),
        (None, "neutral", []),
    ):
        manifest["splitters"] = [{"name": "trained", "like": {"file": name}}]
        (tmp_path / "tree.json").write_text(json.dumps(manifest))
        make_page(tmp_path)
        (song,) = read_call(tmp_path / "page" / "data" / "song.js")
        families = {node["path"]: node["family"] for node in song["nodes"]}
        assert families["level_2"] == families["level_2/level_1"] == family and families["level_2/rest"] == "neutral"
        assert song["notes"] == note and song["exact"]
