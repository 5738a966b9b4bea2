import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.errors import CorpusError


def test_medleydbs_metadata(tmp_path: Path) -> None:
    """`Unlabeled` and `Main System` name no instrument: those stems are left out and reported, not the song."""
    song = "PaperBoats_LowTide"
    metadata = Path(__file__).parents[1] / "support" / "corpora" / "medleydb" / f"{song}_METADATA.yaml"
    (tmp_path / "Metadata").mkdir()
    shutil.copy(metadata, tmp_path / "Metadata")
    folder = tmp_path / "Audio" / song
    (folder / f"{song}_STEMS").mkdir(parents=True)
    for name in (f"{song}_MIX.wav", *(f"{song}_STEMS/{song}_STEM_{number:02}.wav" for number in range(1, 7))):
        soundfile.write(folder / name, np.linspace(-0.5, 0.5, 16000), 8000)
    with pytest.raises(CorpusError, match=f"stem 'S04' of '{song}': hierarchy 'medleydb' has no leaf for .*Unlabeled"):
        load_corpus(tmp_path, "medleydb")
    for corpus in (load_corpus(tmp_path, "medleydb", skip_bad=True), check_corpus(tmp_path, "medleydb")):
        (track,) = corpus.tracks
        assert {stem.name: stem.leaf for stem in track.stems} == {
            "S01": "accompaniment/bass",
            "S02": "vocal/lead_vocal",
            "S03": "vocal/backing_vocal",
            "S06": "accompaniment/other/fx_processed_sound",
        }
        assert track.split is None and track.mixture is not None and track.mixture.path.exists()
        assert [problem.kind for problem in corpus.problems] == ["label", "label"]
        assert "'S05'" in corpus.problems[1].message and "'Main System'" in corpus.problems[1].message


def test_leaks_that_were_measured(tmp_path: Path) -> None:
    """By their source's leaf; not a leak of the same instrument, of an unknown one, or below the threshold."""
    found = {
        "piano.wav": {"leaks": True, "from_label": "Electric_Guitar"},
        "keys.wav": {"leaks": True, "from_label": "Piano"},
        "bass.wav": {"leaks": False, "from_label": "Piano"},
        "snare.wav": {"leaks": True, "from_label": "Vuvuzela"},
    }
    stems = {
        f"S{number:02}": {"instrument": leaf, "filename": f"{number}.wav", "raw": {"R1": {"original": f"{file}.wav"}}}
        for number, (leaf, file) in enumerate(
            [("pianos", "piano"), ("pianos", "keys"), ("bass", "bass"), ("drum_set", "snare"), ("brass", "horn")]
        )
    }
    (tmp_path / "a" / "stems").mkdir(parents=True)
    metadata = {"stem_dir": "stems", "mix_filename": "mix.wav", "stems": stems, "bleed": found}
    (tmp_path / "a" / "a_METADATA.yaml").write_text(yaml.safe_dump(metadata))
    for number in range(5):
        soundfile.write(tmp_path / "a" / "stems" / f"{number}.wav", np.linspace(-0.5, 0.5, 800), 8000)
    (track,) = load_corpus(tmp_path, "ms21").tracks
    assert [stem.leaks for stem in track.stems] == [("accompaniment/other/electric_guitar",), (), (), (), ()]


def test_a_song_in_two_folders_is_told(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / split / "a" / "stems").mkdir(parents=True)
        stems = {"S1": {"instrument": "pianos", "filename": "1.wav"}}
        metadata = {"stem_dir": "stems", "mix_filename": "mix.wav", "stems": stems, "split": split}
        (tmp_path / split / "a" / "a_METADATA.yaml").write_text(yaml.safe_dump(metadata))
        soundfile.write(tmp_path / split / "a" / "stems" / "1.wav", np.linspace(-0.5, 0.5, 800), 8000)
    with pytest.raises(CorpusError, match="are both the song 'a': remove one"):
        load_corpus(tmp_path, "ms21")
