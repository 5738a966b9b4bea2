"""The whole suite at the size ``tiny``: every definition is trained, measured and reported."""

from importlib import util
from pathlib import Path

import pytest

from stemtree.experiments.definition import available
from stemtree.separation.splitters.external_packages import PACKAGES

NOT_INSTALLED = 4 * len(PACKAGES)
"""Waveforms and masks of other separators, on MS21 and on MUSDB18."""


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the separators of other projects, whether they are installed or not."""
    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *more: None if name in PACKAGES else find(name, *more))


def test_every_experiment_runs_to_its_report(cli, alone: None, workplace: Path, tmp_path: Path) -> None:
    options = ("--size", "tiny", "-o", tmp_path / "runs", "--rows", tmp_path / "rows")
    done = cli("experiment", "run", "--jobs", 0, *options)
    assert done.code == 0, done.out + done.err
    runs = int(done.out.split(" runs:")[0])
    trained = runs - NOT_INSTALLED
    counts = done.out.splitlines()[-1].partition(": ")[2].split(", ")
    assert {*counts} == {f"{trained} evaluated", f"{NOT_INSTALLED} failed"}
    assert "demucs_masks is left out: the separator demucs is not installed" in done.out
    status = cli("experiment", "status", *options)
    assert status.code == 0 and "all, each run once" in status.out
    pages = tmp_path / "pages"
    assert cli("experiment", "report", *options, "--pages", pages).out.endswith(f"{trained} runs more than before\n")
    names = {file.name for file in pages.glob("*.md")}
    assert (pages / "4_relation_and_loss_chunk.png").exists()
    assert names == {*(f"{name}.md" for name in available()), "index.md", "reproduce.md"}
    for name in available():
        assert "Missing" not in (pages / f"{name}.md").read_text(), name
    assert (
        "| `demucs_masks` | not run: the separator demucs is not installed |" in (pages / "6_pretrained.md").read_text()
    )
    again = cli("experiment", "run", "--jobs", 0, *options[:3], tmp_path / "new", *options[4:])
    assert f"{trained} evaluated" in again.out.splitlines()[0]  # by the rows that were kept
