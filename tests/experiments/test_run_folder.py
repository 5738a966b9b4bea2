"""Folders of runs in which files are damaged."""

import re
from pathlib import Path

import pytest

from stemtree.errors import EvaluationError
from stemtree.experiments.report.build import collect
from stemtree.experiments.rows import NOT_RUN, read_not_run
from stemtree.experiments.run_folder import ExperimentRun
from stemtree.experiments.suite import CODES, Suite


@pytest.mark.parametrize("content", [b"{", b"5", b"[1]", b'{"a": []}', b"\xff", b""])
def test_what_only_informs_is_done_without(content: bytes, tmp_path: Path) -> None:
    run = ExperimentRun(tmp_path)
    for name in ("run.json", "ledger.json"):
        (tmp_path / name).write_bytes(content)
    assert run.cpu_seconds == 0
    assert run.description() == ({"a": []} if b"a" in content else {})
    (tmp_path / "failure.txt").write_bytes(b"out of \xff")
    assert run.failure == "out of \\xff"


@pytest.mark.parametrize("content", [b"{", b"5", b"[1]", b'{"a": 1}', b"\xff", b""])
def test_what_decides_is_named(content: bytes, tmp_path: Path) -> None:
    def says(file: Path) -> str:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        return f"^'{re.escape(str(file))}' is damaged: bring back an earlier copy, or remove it$"

    with pytest.raises(EvaluationError, match=says(tmp_path / "runs" / CODES)):
        Suite(tmp_path / "runs", []).choose_code(None)
    with pytest.raises(EvaluationError, match=says(tmp_path / "runs" / CODES)):
        collect(tmp_path / "runs", tmp_path / "rows", [])
    with pytest.raises(EvaluationError, match=says(tmp_path / "rows" / NOT_RUN)):
        read_not_run(tmp_path / "rows")
