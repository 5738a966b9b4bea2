"""The recipe ``recipes/ms21/run.sh`` in small: from a listing to statistics."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
import yaml
from support.archives import Server
from support.multitracks import read_song, sound

from stemtree.curation.sessions.csv_tables import read_table

BAND = {"Drums": "Drums", "Electric Bass (finger)": "Bass", "Acoustic Grand Piano": "Piano", "Violin": "Strings"}
TITLES = ("First", "Second", "Third", "Fourth")


@pytest.fixture
def recipe() -> ModuleType:
    file = Path(__file__).parents[2] / "recipes" / "ms21" / "synthetic_library.py"
    spec = importlib.util.spec_from_file_location("synthetic_library", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_corpus(root: Path) -> Path:
    """Songs of four stems of 2 s in Slakh's layout."""
    for song, title in enumerate(TITLES):
        place = root / "test" / title
        (place / "stems").mkdir(parents=True)
        stems = {}
        for number, (program, kind) in enumerate(BAND.items()):
            samples = sound(10 * song + number, 2.0, 16000, channels=2)
            soundfile.write(place / "stems" / f"S{number:02}.wav", samples.T, 16000, "PCM_24")
            stems[f"S{number:02}"] = {
                "inst_class": kind, "is_drum": kind == "Drums", "midi_program_name": program, "plugin_name": "some.sf2",
                "audio_rendered": True,
            }  # fmt: skip
        (place / "metadata.yaml").write_text(yaml.safe_dump({"stems": stems, "hierarchy": "ms21"}))
    return root


def test_from_a_listing_to_statistics(cli, recipe: ModuleType, server: Server, tmp_path: Path) -> None:
    library, gathered, ms21 = tmp_path / "library", tmp_path / "gathered", tmp_path / "MS21"
    tracks = recipe.select_tracks([write_corpus(tmp_path / "slakh")], 4, "*", "accompaniment/bass")
    recipe.make_library(tracks, library, 2.0, server.url("/"), 3)
    server.files = {f"/{file.name}": file.read_bytes() for file in library.glob("*.zip")}
    outcome = cli("curate", "gather", library / "listing.csv", "-o", gathered)
    assert outcome.code == 1 and outcome.out.endswith("6 songs; 4 unpacked, 2 quarantined\n")
    assert "is broken" in outcome.out and "lies outside its folder" in outcome.out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["gathered", "library", "slakh"]  # nothing broke out

    songs, annotation, bleed = gathered / "songs", tmp_path / "annotation.csv", tmp_path / "bleed.csv"
    assert cli("curate", "annotate", songs, "-o", annotation).code == 0
    recipe.correct(annotation, library / "truth.csv")
    outcome = cli("curate", "annotate", songs, "-o", annotation)
    truth = {(row["song"], row["file"]): row["label"] for row in read_table(library / "truth.csv", ("song",))}
    assert {recipe.key_of(row): row["label"] for row in read_table(annotation, ("song",))} == truth
    folders = sorted(songs.iterdir())
    outcome = cli("curate", "bleed", *folders, "--annotation", annotation, "-o", bleed, "--workers", 1)
    assert outcome.code == 0 and "4 songs measured" in outcome.out
    assert len(read_table(bleed, ("song", "file", "leaks"))) == len(truth)

    stems = ("curate", "stems", songs, "--annotation", annotation, "-o", ms21, "--songs", gathered / "songs.csv",
             "--bleed", bleed, "--workers", 1)  # fmt: skip
    assert cli(*stems).out == f"{ms21}: 4 songs made, 0 described again (metadata alone), 0 kept; no problems\n"
    assert cli(*stems).out == f"{ms21}: 0 songs made, 0 described again (metadata alone), 4 kept; no problems\n"
    data, audio = read_song(ms21 / "AnaLuz_First")
    groups = sum(audio[group["filename"]] for group in data["musdb_stems"].values())
    np.testing.assert_array_equal(groups, audio["mix"])
    assert data["genre"] == recipe.GENRES[0][0] and data["has_bleed"] in ("yes", "no")
    assert cli("curate", "check", ms21).out == "4 songs; no problems\n"

    outcome = cli("curate", "split", ms21, "--shares", "0.5,0.25,0.25")
    assert outcome.code == 0 and set(TITLES) == {row["song"].partition(" - ")[2].partition(" (")[0]
                                                 for row in read_table(ms21 / "splits.csv", ("song",))}  # fmt: skip
    outcome = cli("curate", "stats", f"small={ms21}", "-o", tmp_path / "report", "--no-figures")
    assert outcome.code == 0
    (row,) = read_table(tmp_path / "report" / "corpora.csv", ("corpus",))
    assert (row["songs"], row["tracks_per_song"]) == ("4", str(round(len(truth) / 4, 1)))
