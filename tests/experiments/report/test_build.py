"""The report is made from rows alone, byte for byte; no number is typed by hand."""

from pathlib import Path

import pytest
from support.experiment_rows import make_rows

from stemtree.experiments.definition import Experiment
from stemtree.experiments.report.build import build

GAINS = {"mean": 1.0, "oracle:psa": 9.0, "direct": 3.0, "tree": 3.5, "siblings": 3.5}


@pytest.fixture
def experiment() -> Experiment:
    content = {
        "question": "Which head is best?",
        "source": "nowhere",
        "task": "guitar",
        "arms": {arm: {"relation": {"kind": arm}} for arm in ("direct", "tree", "siblings")},
        "claims": [{"first": "tree", "second": "direct"}, {"first": "tree", "second": "siblings", "margin": 0.3}],
        "published": [
            {"arm": "direct", "where": "a table", "values": [3.8, 3.4, 4.0, 4.1]},
            {"arm": "mixture", "where": "a table", "values": [-4.6, 0.6, -6.7, -7.6]},
        ],
        "why": [
            {"claim": 1, "supported": "The tree gains {difference tree direct level 1}.", "opposed": "It loses."},
            {"text": "It reaches {mean tree} and {headroom tree} of the headroom."},
        ],
    }
    return Experiment.model_validate(content)


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many seeds as elsewhere."""
    monkeypatch.setattr(Experiment, "seeds_at", lambda experiment, size: experiment.seeds)


def test_the_same_rows_give_the_same_bytes(experiment: Experiment, seeds: None, tmp_path: Path) -> None:
    make_rows(tmp_path / "rows", experiment, GAINS)
    written = []
    for place in ("a", "b"):
        build({"own": experiment}, "tiny", tmp_path / "rows", tmp_path / place)
        written.append({file.name: file.read_bytes() for file in sorted((tmp_path / place).iterdir())})
    assert written[0] == written[1]
    assert list(written[0]) == [
        "index.md",
        "own.md",
        "own_arms.svg",
        "own_claims.svg",
        "own_curves.svg",
        "reproduce.md",
    ]


def test_a_page_says_what_is_decided_and_why(experiment: Experiment, seeds: None, tmp_path: Path) -> None:
    make_rows(tmp_path / "rows", experiment, GAINS)
    build({"own": experiment}, "tiny", tmp_path / "rows", tmp_path)
    page = (tmp_path / "own.md").read_text()
    assert "14 of 14 runs of the size `tiny` are there" in page
    assert "| 1 | `tree` is better than `direct` over all levels | **supported** | 0.5" in page
    assert "differ by less than 0.3 dB over all levels | **supported** |" in page
    assert "The tree gains 0.5" in page and "It loses" not in page and " % of the headroom." in page
    assert "| *`direct`, a table* | *3.80* |" in page and "with a network of 4 layers of 600 units" in page
    assert "| constant mask |" in page and "| mixture, SI-SDR |" in page and "| 4 |" in page
    index = (tmp_path / "index.md").read_text()
    assert "| [Which head is best?](own.md) | nowhere | 2 supported | 14 of 14 |" in index
    assert "| a table | `direct` | 3.80 |" in (tmp_path / "reproduce.md").read_text()


def test_pretrained_separators_have_their_sdr(tmp_path: Path) -> None:
    arms = {name: {"estimator": f"{name}:spleeter"} for name in ("raw", "separate")}
    experiment = Experiment(question="How good?", source="", task="guitar", arms=arms)
    sdr = {"songs": {"framewise median": {"vocal": 6.123}, "global mean": {"vocal": -1.0}}}
    make_rows(tmp_path / "rows", experiment, {"raw": 3.0, "separate": 2.0}, changes={"sdr": sdr})
    build({"own": experiment}, "tiny", tmp_path / "rows", tmp_path)
    page = (tmp_path / "own.md").read_text()
    assert "### SDR on `songs`" in page
    assert "| `vocal` | museval's median of medians | 6.12 | 6.12 |" in page
    assert "| `vocal` | global, mean over songs | \N{MINUS SIGN}1.00 | \N{MINUS SIGN}1.00 |" in page


def test_only_chunks_of_the_first_test_set_are_said_to_decide(
    experiment: Experiment, seeds: None, tmp_path: Path
) -> None:
    make_rows(tmp_path / "rows", experiment, GAINS, tests={"songs": 0.0, "others": 0.0}, alone=0.5)
    build({"own": experiment}, "tiny", tmp_path / "rows", tmp_path)
    page = (tmp_path / "own.md").read_text()
    assert page.count("can be measured in ") == 2
    assert page.index("of 30 songs; claims about one of these levels are judged on them.") < page.index("of 30 songs.")


def test_an_experiment_without_runs_says_what_is_missing(experiment: Experiment, tmp_path: Path) -> None:
    build({"own": experiment}, "tiny", tmp_path / "rows", tmp_path)
    page = (tmp_path / "own.md").read_text()
    assert "0 of 5 runs of the size `tiny` are there" in page and "Missing: 1 of `mean`, 1 of `oracle:psa`," in page
    assert "| undecided: runs are missing |" in page
    assert "What this would say needs runs that are missing: tree." in page
