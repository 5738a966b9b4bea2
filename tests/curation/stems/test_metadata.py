from pathlib import Path

import pytest
import yaml
from support.multitracks import BAND, SONG, SONG_ID, build, read_song

from stemtree.curation.bleed.table import Leak, LeakRow, write_leaks
from stemtree.curation.stems.settings import StemSettings
from stemtree.errors import OptionError


def test_metadata_as_the_medleydb_tools_read_them(raw: Path) -> None:
    """What their ``MultiTrack`` looks up, key by key."""
    build(raw)
    place = raw / "MS21" / SONG_ID
    data = yaml.safe_load((place / f"{SONG_ID}_METADATA.yaml").read_text("utf-8"))
    artist, title = SONG_ID.split("_")
    assert (artist, title) == ("AnaLuz", "RíoAbajo")
    for key in ("excerpt", "has_bleed", "instrumental"):
        assert data[key] in ("yes", "no", "unknown")
    for key in ("artist", "title", "album", "origin", "genre", "version"):
        assert isinstance(data[key], str)
    for key in ("composer", "producer", "website"):
        assert isinstance(data[key], list)
    assert (place / data["mix_filename"]).is_file()
    for number, stem in data["stems"].items():
        assert int(number[1:]) == int(stem["filename"].removesuffix(".wav").rpartition("_")[2])
        assert isinstance(stem["instrument"], str) and stem["component"] in ("", "melody", "bass")
        assert (place / data["stem_dir"] / stem["filename"]).is_file()
        for take, track in stem["raw"].items():
            assert track["filename"] == f"{SONG_ID}_RAW_{number[1:]}_{take[1:]}.wav" and track["instrument"]
            raw_file = place / data["raw_dir"] / track["filename"]
            assert raw_file.read_bytes() == (raw / "raw" / SONG / track["original"]).read_bytes()


def test_leaking_tracks_are_recorded_and_left_out(raw: Path) -> None:
    leaks = [
        LeakRow(SONG, name, label, Leak("Vox1" in name, -12.5, "Drum_Kick", "01_Kick.wav"))
        for name, label in BAND.items()
    ]
    write_leaks(raw / "bleed.csv", leaks)
    build(raw, bleed=raw / "bleed.csv")
    data, _ = read_song(raw / "MS21" / SONG_ID)
    assert (data["has_bleed"], data["Vocal_Quality"]) == ("yes", 0)
    assert data["bleed"]["10_BackingVox1.wav"]["from_label"] == "Drum_Kick"
    build(raw, StemSettings(drop_bleed=True), bleed=raw / "bleed.csv")
    data, _ = read_song(raw / "MS21" / SONG_ID)
    originals = [track["original"] for stem in data["stems"].values() for track in stem["raw"].values()]
    assert "10_BackingVox1.wav" not in originals and "11_BackingVox2.wav" in originals
    assert (data["has_bleed"], data["Vocal_Quality"]) == ("no", 1)
    with pytest.raises(OptionError, match="nothing says which tracks leak"):
        build(raw, StemSettings(drop_bleed=True))
