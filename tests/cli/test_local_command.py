"""URLs of storage: which commands take them, and that no other makes a folder of one."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from stemtree.cli import app
from stemtree.errors import OptionError
from stemtree.storage import check_slashes, find_url

URL = "s3://bucket/some/x.wav"


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words."""
    below = getattr(command, "commands", {})
    for name, one in below.items():
        yield from commands(one, (*words, name))
    if not below:
        yield words, command


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_no_other_argument_or_option_takes_a_url(words: tuple, command: Any) -> None:
    before: list[str] = []
    for parameter in command.params:
        if parameter.type.name not in ("path", "text") or parameter.name in (*command.urls, "page"):
            continue
        is_option = parameter.param_type_name == "option"
        name = parameter.opts[-1] if is_option else parameter.metavar
        with pytest.raises(OptionError, match=f"^'{URL}' cannot be given as {re.escape(name)}: only songs and -o of "):
            command.make_context(words[-1], [*before, *([name] if is_option else []), URL])
        before += [] if is_option else ["x"]


@pytest.mark.parametrize(
    "words",
    [
        ("corpus", "render", "x.mid", "-o", URL),
        ("corpus", "index", "slakh", "--kind", "slakh", f"-o{URL}"),
        ("curate", "stats", f"slakh:{URL}"),
        ("evaluate", "mixture", "--corpus", "x", "--kind", "slakh", f"--output={URL}"),
        ("experiment", "run", "--output", URL),
        ("train", "x.yaml", "-o", "x", "--set", f"train=[{{root: '{URL}', split: train}}]"),
    ],
)
def test_no_folder_is_made_of_a_url(words: tuple, cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli(*words)
    assert (outcome.code, outcome.out, list(tmp_path.iterdir())) == (1, "", [])
    assert outcome.err.startswith(f"stemtree: '{URL}' cannot be given as ") and outcome.err.count("\n") == 1


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_nothing_takes_a_url_without_its_second_slash(words: tuple, command: Any) -> None:
    before: list[str] = []
    for parameter in command.params:
        if parameter.type.name not in ("path", "text") or parameter.name == "page":
            continue
        name = [parameter.opts[-1]] if parameter.param_type_name == "option" else []
        with pytest.raises(
            OptionError, match=r"^'s3:/x' lacks a slash: give storage as s3://BUCKET/DIR, gs:// or hf://"
        ):
            command.make_context(words[-1], [*before, *name, "s3:/x"])
        before += [] if name else ["x"]


def test_no_folder_is_made_of_a_url_without_its_second_slash(cli, wav: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEMTREE_OUTPUT", "gs:/x")
    outcome = cli("separate", wav, "--dry-run")
    assert (outcome.code, outcome.out, list(tmp_path.glob("*:*"))) == (1, "", [])
    assert outcome.err.startswith("stemtree: 'gs:/x' lacks a slash") and outcome.err.endswith(" as './gs:/x'\n")
    assert cli("separate", wav, "--dry-run", "-o", "./gs:/x").code == 0


@pytest.mark.parametrize("words", [("separate",), ("query", "--like", "x.wav")])
def test_songs_and_stems_may_lie_in_storage(words: tuple, cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli(*words, "none.wav", "-o", URL)
    assert "cannot be given" not in outcome.err and outcome.code == 1 and not list(tmp_path.iterdir()), outcome
    outcome = cli("query", URL, "--from", "0-1")
    assert outcome.err == f"stemtree: --from takes a stretch of a song of this machine: fetch '{URL}', or give --like\n"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://b/x", "s3://b/x"),
        ("slakh:gs://b/x", "gs://b/x"),
        ("train=[{root: hf://datasets/a/b, split: train}]", "hf://datasets/a/b"),
        ("slakh:/home/x", None),
        ("hf:owner/name", None),
        ("C:\\x", None),
    ],
)
def test_urls_within_options(text: str, url: str | None) -> None:
    assert find_url(text) == url


@pytest.mark.parametrize(
    ("text", "slip"),
    [
        ("S3:/b/x", "S3:/b/x"),
        ("file:/x", "file:/x"),
        ("slakh:gs:/b/x", "gs:/b/x"),
        ("train=[{root: hf:/datasets/a, split: train}]", "hf:/datasets/a"),
        ("train=[{root: 'hf:/datasets/a', split: train}]", "hf:/datasets/a"),
        ("slakh:/home/x", None),
        ("./s3:/x", None),
        ("C:/x", None),
        ("s3:x", None),
        ("s3://b/x", None),
    ],
)
def test_urls_without_their_second_slash(text: str, slip: str | None) -> None:
    if slip is None:
        check_slashes(text)
    else:
        with pytest.raises(OptionError, match=f"^'{slip}' lacks a slash"):
            check_slashes(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("separate", "x.wav", "-o", ""), "--output is empty: name a file or folder, or . for the current folder"),
        (("query", "x.wav", "--like", ""), "--like is empty"),
        (("train", ""), "CONFIG... is empty"),
        (("evaluate", "mixture", "--corpus", "x", "--kind", "slakh", "-o", ""), "--output is empty"),
        (
            ("evaluate", "mixture", "--corpus", "x", "--kind", "slakh", "--quiet", "nan"),
            "--quiet is nan: give a number",
        ),
        (("compare", "a", "b", "--confidence", "nan"), "--confidence is nan"),
        (("experiment", "run", "--budget", "NaN"), "--budget is nan"),
    ],
)
def test_empty_paths_and_numbers_that_are_none(words: tuple, message: str, cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli(*words)
    assert (outcome.code, outcome.out, list(tmp_path.iterdir())) == (1, "", [])
    assert outcome.err.startswith(f"stemtree: {message}") and outcome.err.count("\n") == 1


def test_every_number_of_workers_is_one_or_more() -> None:
    limited = [parameter for _, command in COMMANDS for parameter in command.params if parameter.name == "workers"]
    assert limited and {parameter.type.min for parameter in limited} == {1}


@pytest.mark.parametrize(
    "words",
    [
        ("corpus", "index", ".", "--kind", "folder", "-o"),
        ("evaluate", "mixture", "--corpus", ".", "--kind", "folder", "--write-chunks"),
        ("confusion", "mixture", "--corpus", ".", "--kind", "folder", "--figure"),
        ("mean-mask", "--corpus", ".", "--kind", "folder", "-o"),
        ("experiment", "settings", "1_constraint", "direct", "-o"),
    ],
)
def test_no_table_replaces_a_song(words: tuple, cli, wav: Path) -> None:
    before = wav.read_bytes()
    outcome = cli(*words, wav)
    assert outcome.code == 1 and outcome.err.startswith(f"stemtree: '{wav}' is audio, which --")
    assert wav.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "mixture", "--corpus", "x", "--kind", "slakh", "-o", "folder"),
        ("evaluate", "mixture", "--corpus", "x", "--kind", "slakh", "--write-chunks", "folder"),
        ("confusion", "mixture", "--corpus", "x", "--kind", "slakh", "--figure", "folder"),
        ("mean-mask", "--corpus", "x", "--kind", "slakh", "-o", "folder"),
        ("curate", "annotate", "raw", "-o", "folder"),
        ("curate", "bleed", "raw", "--annotation", "a.csv", "-o", "folder"),
    ],
)
def test_folders_in_place_of_files(words: tuple[str, ...], cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    outcome = cli(*words)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("stemtree: 'folder' is a folder, and --") and outcome.err.endswith("name one in it\n")


_SETTINGS = ("experiment", "settings", "1_constraint", "direct", "-o")


@pytest.mark.parametrize(
    "words",
    [_SETTINGS, ("mean-mask", "--corpus", ".", "--kind", "folder", "-o"), ("export", ".", "--as", "zip", "-o")],
)
def test_no_device_or_pipe_is_replaced(words: tuple[str, ...], cli, tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link.yaml"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for place in (pipe, link):
        outcome = cli(*words, place)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith(f"stemtree: '{place}' is a device or a pipe, which -") and pipe.is_fifo()
        assert outcome.err.endswith(" would replace: give another name\n") and link.is_symlink()


def test_a_link_to_a_file_stays(cli, wav: Path, tmp_path: Path) -> None:
    table, to_song = tmp_path / "link.yaml", tmp_path / "song.yaml"
    (tmp_path / "real.yaml").write_text("old")
    table.symlink_to("real.yaml")
    to_song.symlink_to(wav)
    assert cli(*_SETTINGS, table).code == 0
    assert table.is_symlink() and "network" in (tmp_path / "real.yaml").read_text()
    before = wav.read_bytes()
    outcome = cli(*_SETTINGS, to_song)
    assert outcome.code == 1 and f"'{to_song}' is audio, which -" in outcome.err and wav.read_bytes() == before
