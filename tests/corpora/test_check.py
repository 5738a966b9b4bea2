from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import yaml

from stemtree.corpora.check import check_corpus


@pytest.mark.parametrize("kind", ["slakh", "musdb18-hq", "musdb18", "medleydb", "ms21", "moisesdb", "folder"])
def test_whole_corpora_have_no_problems(kind: str, corpora: Callable[[str], Path]) -> None:
    assert check_corpus(corpora(kind), kind).problems == ()


def test_a_mixture_that_is_not_the_sum(slakh: Path) -> None:
    file = slakh / "test" / "Track02000" / "stems" / "S00.wav"
    audio, rate = soundfile.read(file)
    soundfile.write(file, 0.5 * audio, rate)
    (problem,) = check_corpus(slakh, "slakh").problems
    assert (problem.track, problem.kind) == ("Track02000", "sum")
    # Two equally loud stems, half of one amiss: a quarter of half the energy.
    assert "mix.wav' is not the sum of its stems at 0.0 s: -9." in problem.message


def test_one_origin_in_two_splits(slakh: Path) -> None:
    for place in ("train/Track00001", "train/Track00003", "test/Track02000"):
        file = slakh / place / "metadata.yaml"
        file.write_text(
            yaml.safe_dump(yaml.safe_load(file.read_text()) | {"UUID": "same" if "03" not in place else "x"})
        )
    (problem,) = check_corpus(slakh, "slakh").problems
    assert problem.kind == "across splits"
    assert "(same) is in several splits: Track02000 (test), Track00001 (train)" in problem.message


def test_command(cli, slakh: Path) -> None:
    outcome = cli("corpus", "check", slakh, "--kind", "slakh")
    assert (outcome.code, outcome.out) == (0, "3 songs can be read; no problems\n")
    (slakh / "train" / "Track00001" / "stems" / "S00.wav").unlink()
    (slakh / "test" / "Track02000" / "stems" / "S01.wav").write_bytes(b"")
    outcome = cli("corpus", "check", slakh, "--kind", "slakh")
    assert outcome.code == 1
    assert outcome.out.splitlines()[-1] == "1 songs can be read; 1 unreadable, 1 missing"
    assert len(outcome.out.splitlines()) == 3
    outcome = cli("corpus", "check", slakh, "--kind", "slack")
    assert outcome.code == 1 and "did you mean slakh" in outcome.err


def test_info(cli, slakh: Path) -> None:
    outcome = cli("corpus", "info", slakh, "--kind", "slakh", "--hierarchy", "ms21")
    assert outcome.code == 0
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in outcome.out.splitlines() if "│" in line]
    assert ["train", "2", "0.00", "1.5"] in cells
    assert ["accompaniment/other/electric_guitar", "2", "2", "0.00"] in cells
