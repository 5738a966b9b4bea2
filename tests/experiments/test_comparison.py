import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stemtree.errors import EvaluationError
from stemtree.evaluation.rows import SCHEMA
from stemtree.experiments.comparison import compare_rows, read_rows

PATH = ("a", "a/b", "a/b/c")


def rows(gain: float, seed: int = 0, songs: int = 12, targets: bool = True) -> pl.DataFrame:
    """Two chunks a song; level 1 gains twice as much as the others."""
    random = np.random.default_rng(seed)
    table = []
    for song in range(songs):
        for start in (0.0, 10.0):
            for level, node in enumerate(PATH):
                improvement = song + gain * (2 if level == 2 else 1) + random.normal(0, 0.05)
                row = {"track": f"{song}", "start": start, "node": node, "level": 3 - level, "status": "counted"}
                row |= {"si_sdr_improvement": improvement, "target": PATH[-1] if targets else None}
                table.append(row)
    return pl.DataFrame(table, schema=SCHEMA)


@pytest.mark.parametrize("targets", [True, False])
def test_differences_level_by_level_over_seeds(targets: bool) -> None:
    first, second = ([rows(gain, seed + 10, targets=targets) for seed in (gain, gain + 1)] for gain in (3, 1))
    levels = compare_rows(first, second)
    assert [level.level for level in levels] == ["all levels", "level 3", "level 2", "level 1"]
    means = [level.difference.mean for level in levels]
    assert means == pytest.approx([8 / 3, 2, 2, 4], abs=0.05)
    for level in levels:
        assert level.difference.low < level.difference.mean < level.difference.high
        assert level.difference.over_seeds and level.songs == 12 and level.undefined == 0
        assert level.first - level.second == pytest.approx(level.difference.mean)
    assert levels[1].chunks == 24


def test_what_is_not_defined_in_one_is_left_out_of_all_and_counted() -> None:
    first, second = rows(1), rows(0)
    broken = first.with_columns(
        si_sdr_improvement=pl.when((pl.col("track") == "3") & (pl.col("start") == 0) & (pl.col("node") == "a"))
        .then(math.nan)
        .otherwise("si_sdr_improvement")
    )
    levels = {level.level: level for level in compare_rows([broken], [second])}
    assert (levels["level 3"].chunks, levels["level 3"].undefined) == (23, 1)
    assert (levels["all levels"].chunks, levels["all levels"].undefined) == (23, 1)
    assert levels["level 2"].undefined == 0 and not levels["level 2"].difference.over_seeds


def test_other_chunks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="measured on different chunks: evaluate both with one list"):
        compare_rows([rows(1)], [rows(1, songs=11)])
    (tmp_path / "x.parquet").write_text("x")
    with pytest.raises(EvaluationError, match="does not hold an evaluation: give what evaluate -o wrote"):
        read_rows(tmp_path / "x.parquet")
    with pytest.raises(EvaluationError, match=r"cannot read '.*none': No such file or directory; check the path"):
        read_rows(tmp_path / "none")


def test_command(cli, tmp_path: Path) -> None:
    for name, gain, seed in (("a", 1, 0), ("a2", 1, 1), ("b", 0, 2), ("b2", 0, 3)):
        rows(gain, seed).write_parquet(tmp_path / f"{name}.parquet")
    files = {name: tmp_path / f"{name}.parquet" for name in ("a", "a2", "b", "b2")}
    outcome = cli("compare", files["a"], files["b"])
    assert outcome.code == 0 and "95% interval" in outcome.out
    assert outcome.err == "stemtree: the interval is over songs alone; give a second seed of each with --a and --b\n"
    both = cli("compare", files["a"], files["b"], "--a", files["a2"], "--b", files["b2"], "--confidence", 0.9)
    assert (both.code, both.err) == (0, "") and "90% interval" in both.out
    assert "97.5% interval" in cli("compare", files["a"], files["b"], "--confidence", 0.975).out
    assert cli("compare", files["a"], tmp_path / "none.parquet").code == 1


def test_one_run_is_no_second_seed_of_itself(cli, tmp_path: Path) -> None:
    for name in ("a", "b"):
        rows(1).write_parquet(tmp_path / f"{name}.parquet")
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    refused = cli("compare", first, second, "--a", tmp_path / "." / "a.parquet", "--b", second)
    assert refused.code == 1 and "a.parquet' is given twice for one run: give a file of another seed" in refused.err


def test_test_sets_are_not_mixed(cli, tmp_path: Path) -> None:
    """As in the rows of an experiment's run."""
    for name, gain in (("a", 1), ("b", 0)):
        sets = [rows(gain, seed).with_columns(test=pl.lit(test)) for seed, test in enumerate(("songs", "other songs"))]
        pl.concat(sets).write_parquet(tmp_path / f"{name}.parquet")
    files = tmp_path / "a.parquet", tmp_path / "b.parquet"
    refused = cli("compare", *files)
    assert refused.code == 1 and refused.err.count("\n") == 1
    assert "several test sets, choose one with --test-set: songs, other songs" in refused.err
    assert "has no test set 'song': there are songs, other songs" in cli("compare", *files, "--test-set", "song").err
    chosen = cli("compare", *files, "--test-set", "songs")
    assert chosen.code == 0 and " 24 " in chosen.out
    rows(1).write_parquet(tmp_path / "plain.parquet")
    assert "leave --test-set out" in cli("compare", tmp_path / "plain.parquet", files[1], "--test-set", "songs").err


def test_other_nodes_are_told_from_other_chunks() -> None:
    whole = rows(1, targets=False)
    with pytest.raises(EvaluationError, match="measured on different nodes: evaluate both with the same --node"):
        compare_rows([whole], [whole.filter(pl.col("node") != "a")])
