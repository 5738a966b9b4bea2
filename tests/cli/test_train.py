from pathlib import Path

import polars as pl
import soundfile
import yaml
from support.tones import CLEAN


def test_command_separate_and_query(cli, config: Path, tones: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = cli("train", config, "-o", run, "--set", "trainer.max_epochs=1")
    assert outcome.code == 0 and outcome.out.startswith(f"{run}: 2 steps, weights of step 2")
    song = tones / "validation" / "Track00004" / "stems" / "S00.wav"
    assert cli("separate", song, "--splitter", run, "-o", tmp_path / "stems").code == 0
    files = sorted(str(file.relative_to(tmp_path / "stems" / "S00")) for file in (tmp_path / "stems").rglob("*.wav"))
    path = "strings_guitar_keyboards"
    assert files == [
        "rest.wav", f"{path}.wav", f"{path}/guitar.wav", f"{path}/guitar/clean_guitars.wav", f"{path}/guitar/rest.wav",
        f"{path}/rest.wav",
    ]  # fmt: skip
    read = {file: soundfile.read(tmp_path / "stems" / "S00" / file, dtype="int16")[0].astype(int) for file in files}
    assert (read["rest.wav"] + read[f"{path}.wav"] == soundfile.read(song, dtype="int16")[0]).all()
    for depth in ((), ("--depth", 1)):
        outcome = cli("separate", song, "--splitter", run, "--hierarchy", "ms21", *depth, "-o", tmp_path / "other")
        assert "can split nothing of the hierarchy 'ms21'" in outcome.err and not (tmp_path / "other").exists()
    assert "takes no example" in cli("query", song, "--like", song, "--model", run).err

    told = f"targets=[{path}/guitar/clean_guitars, bass/bass/acoustic_basses]"
    network = "network={kind: query_by_example, units: 8, layers: 1, query_layers: 1}"
    asked = tmp_path / "asked"
    cli("train", config, "-o", asked, "--set", told, "--set", network)
    arguments = ("query", song, "--model", asked, "-o", tmp_path / "found")
    assert cli(*arguments, "--like", song).code == 0
    assert (tmp_path / "found" / "S00" / "level_3" / "level_2" / "level_1.wav").exists()
    outcome = cli(*arguments, "--like", song, "--level", 2, "--overwrite")
    assert outcome.code == 0 and "level_3.wav" not in outcome.out
    assert (tmp_path / "found" / "S00" / "level_3.wav").exists()  # of the first query, which it does not replace
    assert "has no level 4" in cli(*arguments, "--like", song, "--level", 4).err
    soundfile.write(tmp_path / "silent.wav", [0.0] * 4000, 8000)
    assert "is silent" in cli(*arguments, "--like", tmp_path / "silent.wav").err
    soundfile.write(tmp_path / "short.wav", [0.5] * 40, 8000)
    assert "give at least one window of 256" in cli(*arguments, "--like", tmp_path / "short.wav").err
    assert "use stemtree query" in cli("separate", song, "--splitter", asked).err
    for name in ("none", "x" * 5000):
        assert f"there is no splitter '{name}'" in cli("separate", song, "--splitter", name).err
    cli("train", config, "-o", tmp_path / "gap", "--set", told, "--set", network, "--set", "levels=[1, 3]")
    outcome = cli("query", song, "--model", tmp_path / "gap", "--like", song, "--level", 1, "-o", tmp_path / "gaps")
    assert "of level_3/level_2/level_1, level_3, do not divide its whole tree: train it with every" in outcome.err
    cli("train", config, "-o", tmp_path / "leaf", "--set", "levels=[1]")
    outcome = cli("separate", song, "--splitter", tmp_path / "leaf", "-o", tmp_path / "gaps")
    assert "do not divide its whole tree: train it with every" in outcome.err and not (tmp_path / "gaps").exists()


def test_command_evaluate(cli, config: Path, tones: Path, tmp_path: Path) -> None:
    """Models of a path and of a sub-tree, which is then taken for the mixture; in processes of their own."""
    corpus = ("--corpus", tones, "--kind", "slakh", "--split", "validation", "--duration", 1, "--no-bss")
    cli("train", config, "-o", tmp_path / "path")
    outcome = cli("evaluate", tmp_path / "path", *corpus, "--workers", 2, "-o", tmp_path / "path.parquet")
    assert outcome.code == 0 and "clean_guitars" in outcome.out
    rows = pl.read_parquet(tmp_path / "path.parquet")
    assert rows["si_sdr_improvement"].is_finite().any() and rows["failure"].null_count() == len(rows)
    outcome = cli("evaluate", f"separate:{tmp_path / 'path'}", *corpus, "--workers", 1, "-o", tmp_path / "walk.parquet")
    assert outcome.code == 0
    walked = pl.read_parquet(tmp_path / "walk.parquet")  # what is left of a path is in no corpus
    assert set(walked["node"]) == set(rows["node"]) and walked["failure"].null_count() == len(walked)
    outcome = cli(
        "evaluate", tmp_path / "path", *corpus, "--workers", 1, "--level", 2, "-o", tmp_path / "level.parquet"
    )
    assert outcome.code == 0 and set(pl.read_parquet(tmp_path / "level.parquet")["node"]) == {CLEAN}
    outcome = cli("evaluate", tmp_path / "path", *corpus, "--level", 1)
    assert f"estimates no node of level 1: it has {CLEAN}, " in outcome.err
    outcome = cli("evaluate", tmp_path / "path", *corpus, "--depth", 2)
    assert f"estimates '{CLEAN}', which the hierarchy 'slakh' lacks" in outcome.err

    root = "strings_guitar_keyboards"
    cli("train", config, "-o", tmp_path / "tree", "--set", "targets=[]", "--set", f"subtree={root}", "--set", "depth=2")
    arguments = ("evaluate", tmp_path / "tree", *corpus, "--workers", 1, "-o", tmp_path / "tree.parquet")
    assert "give that as the root" in cli(*arguments).err
    assert cli(*arguments, "--root", root).code == 0
    rows = pl.read_parquet(tmp_path / "tree.parquet").filter(pl.col("status") == "counted")
    assert set(rows["node"]) == {f"{root}/guitar/clean_guitars", f"{root}/guitar/effected_guitars"}


def test_a_configuration_is_printed_instead_of_trained(cli, config: Path) -> None:
    before = set(config.parent.iterdir())
    outcome = cli("train", config, "--print", "--set", "network.units=16")
    printed = yaml.safe_load(outcome.out)
    assert outcome.code == 0 and not outcome.err and set(config.parent.iterdir()) == before
    assert printed["network"]["units"] == 16 and printed["network"]["dropout"] == 0.3  # a setting and a default
    assert printed["patience"] == 5 and printed["trainer"]["max_epochs"] == 2
    outcome = cli("train", config)
    assert outcome.code == 1 and "give -o RUN, or --print" in outcome.err


def test_configurations_that_come_with_the_package_are_listed(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    listed = cli("train", "--list")
    names = [line.split()[0] for line in listed.out.splitlines()]
    assert listed.code == 0 and "poster/1_sss_constraint" in names and "small" in names
    assert "(Tong et al. 2024)." in listed.out
    assert cli("train", "poster/1_sss_constraint", "--print").code == 0
    assert "stemtree train --list prints the names" in cli("train").err
