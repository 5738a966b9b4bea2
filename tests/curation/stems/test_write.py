from pathlib import Path

import numpy as np
import pytest
from support.multitracks import (
    RATE,
    SONG_ID,
    build,
    read_song,
    write_annotation,
    write_session,
)

from stemtree.corpora.load import load_corpus
from stemtree.curation.sessions.songs import SongFacts
from stemtree.curation.stems.settings import StemSettings
from stemtree.curation.stems.write import song_id


@pytest.mark.parametrize("width", ["float", "pcm24", "pcm16"])
@pytest.mark.parametrize("stereo", [True, False])
def test_stems_add_up_without_rounding(raw: Path, width: str, stereo: bool) -> None:
    build(raw, StemSettings(width=width, stereo=stereo))  # type: ignore[arg-type]
    data, audio = read_song(raw / "MS21" / SONG_ID)
    for group in data["musdb_stems"].values():
        stems = sum(audio[data["stems"][stem]["filename"]] for stem in group["stems"])
        np.testing.assert_array_equal(stems, audio[group["filename"]])
    groups = sum(audio[group["filename"]] for group in data["musdb_stems"].values())
    np.testing.assert_array_equal(groups, audio["mix"])
    assert {signal.shape for signal in audio.values()} == {(2 * RATE, 2 if stereo else 1)}
    assert np.abs(audio["mix"]).max() > 0.1


def test_the_longest_name_that_a_file_system_takes(raw: Path) -> None:
    name = "長" * 84  # 252 bytes
    write_annotation(raw / "annotation.csv", write_session(raw / "raw", name, {"a.wav": "Piano", "b.wav": "Violin"}))
    assert build(raw).made == [name]
    assert len(load_corpus(raw / "MS21", "ms21").tracks[0].stems) == 2


def test_ids() -> None:
    ids = [
        ("A Classic Education", "Night Owl", "AClassicEducation_NightOwl"),
        ("W.I.N.D.", "Don't Care (feat. X)", "WIND_DontCareFeatX"),
        ("हिन्दी गीत", "मेरा", "हिन्दीगीत_मेरा"),
        ("", "Solo", "UnknownArtist_Solo"),
    ]
    for artist, title, expected in ids:
        assert song_id(SongFacts(title, artist)) == expected
    assert song_id(SongFacts("???", "!!!")) != song_id(SongFacts("!?", "!!!"))
