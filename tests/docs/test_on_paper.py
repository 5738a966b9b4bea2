"""What the page on clusters computes stands there as its script prints it now."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_page_holds_what_the_script_prints(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["on_paper.py"])
    runpy.run_path(str(ROOT / "benchmarks" / "cost" / "on_paper.py"), run_name="__main__")
    assert capsys.readouterr().out.strip() in (ROOT / "docs" / "results" / "clusters.md").read_text("utf-8")
