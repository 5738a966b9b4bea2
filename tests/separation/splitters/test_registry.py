import importlib
from importlib.util import find_spec
from pathlib import Path


def test_the_command_line_says_it_in_one_sentence(cli, wav: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == "demucs" else find_spec(asked))
    outcome = cli("separate", wav, "-o", tmp_path / "out", "--splitter", "demucs")
    assert outcome.code == 1
    assert outcome.err == "stemtree: the separator demucs is not installed: run `pip install demucs`\n"
    assert not (tmp_path / "out").exists()
    unknown = cli("separate", wav, "-o", tmp_path / "out", "--splitter", "demix").err
    assert (
        "there is no splitter 'demix': give spleeter, demucs, openunmix, pymss, unblend, voices, the folder" in unknown
    )
