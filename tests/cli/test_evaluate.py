import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import yaml
from support.query_models import make_query_model

RATE = 8000
STEMS = ("vocals", "drums", "bass", "other")


@pytest.fixture
def musdb(tmp_path: Path) -> Path:
    root = tmp_path / "musdb"
    for split, seed in (("train", 0), ("test", 1)):
        folder = root / split / "A - B"
        folder.mkdir(parents=True)
        # Noise with different spectra, so that a constant mask is better than none.
        steps = np.random.default_rng(seed).standard_normal((4, 3 * RATE)).cumsum(axis=1)
        stems = dict(
            zip(STEMS, [np.diff(steps[0]), np.diff(steps[1], 2), steps[2] / 40, np.diff(steps[3])], strict=True)
        )
        stems = {name: stem[: 2 * RATE] / 20 for name, stem in stems.items()}
        stems["other"][:] = 0
        for name, stem in (stems | {"mixture": sum(stems.values())}).items():
            soundfile.write(folder / f"{name}.wav", stem.clip(-1, 1), RATE)
    for file in (root / "train").iterdir():
        file.rename(root / "train" / "C - D")
    return root


def _cells(outcome) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in outcome.out.splitlines() if "│" in line]
    cells: dict[str, list[str]] = {}
    for row in rows:
        cells.setdefault(f"{row[0]}/{len(row)}", row[1:])  # of tables as wide, the first
    return cells


def test_fit_then_evaluate(cli, musdb: Path, tmp_path: Path) -> None:
    options = ("--corpus", musdb, "--kind", "musdb18-hq")
    masks = tmp_path / "mean.safetensors"
    fitted = cli("mean-mask", *options, "-o", masks)
    assert fitted.code == 0, fitted.err
    assert fitted.out == f"{masks}: 5 nodes, psa masks of 1 chunk of 1 song\n"

    file = tmp_path / "rows.parquet"
    arguments = ("evaluate", f"mean:{masks}", *options, "--duration", 1, "-o", file, "--workers", 1, "--absent")
    # Fitted at 8 kHz, so it is known that these songs can be served.
    outcome = cli(*arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0] == f"mean:{masks}: 1 song, 2 chunks, dB"
    rows, cells = pl.read_parquet(file), _cells(outcome)
    bass = rows.filter(node="accompaniment/bass", status="counted")
    shown = cells["accompaniment/bass/12"]
    assert shown[0] == f"{bass['si_sdr'].mean():.2f} ({bass['si_sdr'].median():.2f})"
    assert shown[5:] == ["2", "0", "0", "0", "0", "0"]
    assert float(shown[1].split()[0]) > 1
    assert cells["accompaniment/other/12"][5:] == ["0", "0", "0", "2", "0", "0"]
    assert cells["accompaniment/other/6"][0] == "2"  # of the table of absent nodes
    assert cli(*arguments).out == outcome.out  # from the file


def test_confusion(cli, musdb: Path, tmp_path: Path) -> None:
    options = ("--corpus", musdb, "--kind", "musdb18-hq", "--duration", 1, "--workers", 1)
    file, figure = tmp_path / "rows.parquet", tmp_path / "picture.svg"
    outcome = cli("confusion", "mixture", *options, "-o", file, "--figure", figure)
    assert (outcome.code, outcome.err) == (0, "")
    first, heading, line, *_ = outcome.out.splitlines()
    assert first == "mixture: 1 song, 2 chunks" and heading.split()[:2] == ["true", "leaf"]
    # The mixture in the place of each of four leaves: a quarter of everything lands in each.
    assert line.split()[:3] == ["vocals", "2", "25"]
    assert sorted(line.replace(",", "").split()[3:]) == ["25"] * 3 + ["bass", "drums", "other"]
    rows = pl.read_parquet(file)
    assert rows["node"].unique().sort().to_list() == ["accompaniment/bass", "accompaniment/drums", "vocals"]
    assert rows["share"].to_numpy() == pytest.approx(0.25, abs=1e-3)
    assert "true leaf (chunks)" in figure.read_text("utf-8")
    for name, message in (("picture.doc", "ends in no format of figures"), ("no/picture.png", "there is no folder")):
        wrong = cli("confusion", "mixture", *options, "--figure", tmp_path / name)
        assert wrong.code == 1 and message in wrong.err


def test_a_model_that_takes_queries(cli, musdb: Path, tmp_path: Path) -> None:
    targets = ["accompaniment/bass", "accompaniment/drums", "accompaniment/other"]
    model, file = make_query_model(tmp_path / "model", targets, RATE), tmp_path / "rows.parquet"
    options = ("--corpus", musdb, "--kind", "musdb18-hq", "--duration", 1, "--workers", 1, "--no-bss", "-o", file)
    outcome = cli("evaluate", model, *options, "--split", "all")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0] == f"{model}: 2 songs, 4 chunks, dB"
    rows, cells = pl.read_parquet(file), _cells(outcome)
    assert set(rows["target"]) == {"accompaniment/bass", "accompaniment/drums"}  # other is silent
    measured = rows.filter(node="accompaniment").height  # once for each of its leaves
    assert cells["accompaniment/drums/12"][5] == "4" and cells["accompaniment/12"][5] == f"{measured}" and measured > 4
    assert cells["level 2/12"][5] == f"{measured}"
    file.unlink()
    alone = cli("evaluate", model, *options)
    assert alone.code == 1 and _cells(alone)["overall/13"][5:11] == ["0", "0", "0", "0", "0", "8"]
    assert alone.err == (
        "stemtree: 4 queries not asked, for no other song has an example of 'accompaniment/bass', "
        "'accompaniment/drums': give more songs\n"
    )
    file.unlink()
    (musdb / "train" / "C - D" / "drums.wav").unlink()
    shutil.copy(musdb / "train" / "C - D" / "other.wav", musdb / "train" / "C - D" / "drums.wav")  # silent
    one_song = cli("evaluate", model, *options, "--split", "all")
    assert one_song.code == 0 and _cells(one_song)["accompaniment/drums/13"][5:11] == ["0", "0", "0", "0", "0", "2"]
    assert one_song.err == (
        "stemtree: 2 queries not asked, for no other song has an example of 'accompaniment/drums': give more songs\n"
    )
    assert "unasked, no other song has it; undefined, " in one_song.out


def test_trees_of_queries(cli, musdb: Path, tmp_path: Path) -> None:
    model = make_query_model(tmp_path / "model", ["accompaniment/bass", "accompaniment/drums"], RATE)
    options = ("--corpus", musdb, "--kind", "musdb18-hq")
    arguments = ("evaluate", f"query-tree:{model}", *options, "--split", "all", "--duration", 1, "--threshold", -60)
    outcome = cli(*arguments, "--present", -90, "-o", tmp_path / "new" / "rows.parquet")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0] == f"query-tree of {model}: 2 songs, dB"
    cells = _cells(outcome)
    assert cells["all leaves/7"] == ["4", "4", "4", "1.00", "1.00", "1.00"]
    assert cells["accompaniment/bass/7"] == ["2", "2", "2", "1.00", "1.00", "1.00"]
    rows = pl.read_parquet(tmp_path / "new" / "rows.parquet").filter(node="accompaniment/bass")
    assert cells["accompaniment/bass/12"][1].startswith(f"{rows['si_sdr_improvement'].mean():.2f} (")
    assert cells["accompaniment/bass/12"][5] == "4" and "tells most of these leaves right: --present -" in outcome.out
    like = tmp_path / "like"
    like.mkdir()
    shutil.copy(musdb / "train" / "C - D" / "bass.wav", like)
    options = (*options, "--duration", 1, "--threshold", -60)
    outcome = cli("evaluate", f"query-tree:{model}", *options, "--like", like, "--present", -0.001)
    assert outcome.code == 0 and _cells(outcome)["all leaves/7"] == ["1", "0", "0", "", "0.00", "0.00"]
    assert _cells(outcome)["accompaniment/bass/12"][-1] == "2"  # undefined: in both chunks the tree lacks it
    for words, message in (
        (("--level", 1), "'query-tree' measures whole songs' trees: leave out --level"),
        (("--like", like / "bass.wav"), "bass.wav' is no folder: give one with an example of each leaf"),
        (("--present", 1), "an instrument 1 dB above the song cannot be"),
        (("-o", like / "bass.wav" / "rows.parquet"), "cannot write to"),
        (("-o", tmp_path / "new" / "rows.parquet"), "rows.parquet' is there already: give another file with -o"),
    ):
        outcome = cli("evaluate", f"query-tree:{model}", *options, *words)
        assert outcome.code == 1 and message in outcome.err
    assert "belong to 'query-tree'" in cli("evaluate", "mixture", *options, "--like", like).err


def test_levels_and_nodes(cli, musdb: Path) -> None:
    options = ("--corpus", musdb, "--kind", "musdb18-hq", "--workers", 1, "--no-bss")
    level = cli("evaluate", "oracle:psa", *options, "--level", 2)
    assert {"vocals", "accompaniment"} <= {key.partition("/")[0] for key in _cells(level)}
    assert "bass" not in level.out
    node = cli("evaluate", "mixture", *options, "--node", "vocals", "--split", "all")
    assert node.out.startswith("mixture: 2 songs, 2 chunks, dB\n") and "accompaniment" not in node.out
    assert _cells(node)["vocals/12"][1] == "0.00 (0.00)"
    flat = cli("evaluate", "mixture", *options, "--depth", 1)
    assert "level 1" in flat.out and "level 2" not in flat.out


def test_one_list_of_chunks_for_all(cli, musdb: Path, tmp_path: Path) -> None:
    options = ("--corpus", musdb, "--kind", "musdb18-hq", "--workers", 1, "--no-bss")
    file, bass = tmp_path / "chunks.csv", "accompaniment/bass"
    chosen = ("--target", bass, "--family", "--threshold", -60, "--duration", 1)
    written = cli("evaluate", "mixture", *options, *chosen, "--write-chunks", file)
    assert (written.code, written.err) == (0, "")
    assert file.read_text().splitlines() == [
        "# target salient at -60 dBFS, another leaf of its family too",
        "song,start,duration,target",
        *(f"A - B,{start},1.0,{bass}" for start in (0.0, 1.0)),
    ]
    assert "vocals" not in written.out
    cells = _cells(written)
    assert cells["all levels/6"][2:] == ["0.00", "2", "0"] == cells["level 1/6"][2:]
    again = cli("evaluate", "oracle:psa", *options, "--chunks", file)
    assert again.code == 0 and float(_cells(again)["level 2/6"][2]) > 3
    whole = cli("evaluate", "mixture", *options, "--duration", 1, "--write-chunks", file)
    assert whole.code == 0 and len(file.read_text().splitlines()) == 4
    assert "levels over" not in whole.out and cli("evaluate", "mixture", *options, "--chunks", file).out == whole.out
    for option in ("--hop", "--seed"):
        outcome = cli("evaluate", "mixture", *options, "--chunks", file, option, 1)
        assert outcome.err == f"stemtree: --chunks says which chunks to measure: leave out {option}\n"


def test_failures_are_shown(cli, musdb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stemtree.evaluation.estimators.bounds import Mixture

    def fail(self: Mixture, batch: object) -> None:
        raise ValueError("no\nluck")

    monkeypatch.setattr(Mixture, "estimate", fail)
    options = ("--corpus", musdb, "--kind", "musdb18-hq", "--workers", 1)
    outcome = cli("evaluate", "mixture", *options, "--duration", 1)
    assert outcome.code == 1
    assert outcome.err == "stemtree: 2 chunks failed, the first 'A - B' at 0.0 s: ValueError: no luck\n"
    assert _cells(outcome)["overall/12"][5:] == ["0", "0", "0", "0", "10", "0"]


def test_stopped(cli, musdb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stemtree.evaluation.estimators.bounds import Mixture

    def stop(self: Mixture, batch: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Mixture, "estimate", stop)
    options = ("--corpus", musdb, "--kind", "musdb18-hq", "--workers", 1)
    outcome = cli("evaluate", "mixture", *options, "-o", tmp_path / "rows.parquet")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "stemtree: stopped; the rows of finished songs are kept, run again to go on\n"


def test_a_rendered_corpus_is_read_with_the_hierarchy_it_was_made_for(cli, tmp_path: Path) -> None:
    song = tmp_path / "rendered" / "test" / "song"
    (song / "stems").mkdir(parents=True)
    noise = np.random.default_rng(0).standard_normal((2, 2 * RATE)) / 20
    for name, samples in {"stems/S00": noise[0], "stems/S01": noise[1], "mix": noise.sum(axis=0)}.items():
        soundfile.write(song / f"{name}.wav", samples, RATE)
    programs = {"S00": "Orchestra Hit", "S01": "Acoustic Bass"}  # the first is no leaf of Slakh's own hierarchy
    stems = {
        name: {"is_drum": False, "plugin_name": "x", "midi_program_name": program} for name, program in programs.items()
    }
    (song / "metadata.yaml").write_text(yaml.safe_dump({"UUID": "song", "hierarchy": "ms21", "stems": stems}))
    options = ("--corpus", song.parents[1], "--kind", "slakh", "--workers", 1, "--no-bss", "--duration", 1)
    outcome = cli("evaluate", "mixture", *options)
    assert (outcome.code, outcome.err) == (0, "")
    assert _cells(outcome)["accompaniment/other/fx_processed_sound/12"][5] == "2"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("oracle:irn", (), "no oracle mask 'irn'; did you mean irm"),
        ("mixtur", (), "no estimator 'mixtur'; did you mean mixture"),
        ("x" * 5000, (), "no estimator 'xxx"),
        (
            "mean:none.safetensors",
            (),
            r"cannot read the mean masks 'none.safetensors' \(No such file.*\): check the path",
        ),
        ("mixture", ("--node", "vocalist"), "no node 'vocalist'; did you mean vocals"),
        ("mixture", ("--level", 3), "has levels 1 to 2, not 3"),
        ("mixture", ("--level", 1, "--node", "vocals"), "--node and --level both say what to measure"),
        ("mixture", ("--split", "validation"), "holds no songs of the split 'validation'"),
        ("mixture", ("--duration", 0), "chunks of 0.0 s every 0.0 s cannot be"),
        (
            "mixture",
            ("--target", "accompaniment/basso"),
            "no node 'accompaniment/basso'; did you mean accompaniment/bass",
        ),
        ("mixture", ("--target", "accompaniment/other"), "no chunk of '.*' has a target salient at -30 dBFS"),
        ("mixture", ("--chunks", "none.csv"), "cannot read 'none.csv': No such file or directory; check the path"),
        ("mixture", ("--chunks", "a.csv", "--sample", 1), "--chunks says which chunks to measure: leave out --sample"),
        ("mixture", ("--query", "other"), "'mixture' takes no queries: leave out --query"),
        ("mixture", ("--sample", 0), "a sample of 0 chunks cannot be"),
        ("mixture", ("--sample", 1, "--seed", -1), "the seed -1 cannot be: give 0 or more"),
        ("mixture", ("--quiet", 3), "'quiet' is 3.0 dB: give a loudness below"),
        ("mixture", ("--duration", 0.01), "windows of 0.01 s are too short for SIR and SAR"),
        ("oracle:psa", ("--window", 1000, "--window-hop", 300), "a window of 1000 samples every 300 cannot be"),
        ("mixture", ("--hierarchy", "slakh"), "no leaf for the label"),
        ("mixture", ("--device", "gpu"), "there is no device 'gpu': give auto, cpu"),
    ],
)
def test_bad_input(name: str, options: tuple, message: str, cli, musdb: Path) -> None:
    outcome = cli("evaluate", name, "--corpus", musdb, "--kind", "musdb18-hq", *options)
    assert outcome.code == 1 and outcome.out == ""
    assert outcome.err.startswith("stemtree: ") and outcome.err.count("\n") == 1
    import re

    assert re.search(message, outcome.err), outcome.err


def test_names_are_answered_before_the_corpus_is_read(cli) -> None:
    for option in ("--node", "--target", "--root"):
        outcome = cli("evaluate", "mixture", "--corpus", "none", "--kind", "musdb18", option, "gitar")
        assert outcome.code == 1 and "no node 'gitar'; did you mean bass guitar" in outcome.err
        outcome = cli("evaluate", "mixture", "--corpus", "none", "--kind", "musdb18", option, "bass", "--depth", 1)
        assert outcome.code == 1 and "'bass' (accompaniment/bass) lies 2 generations under the song" in outcome.err
