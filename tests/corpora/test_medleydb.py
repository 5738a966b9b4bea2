import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

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
