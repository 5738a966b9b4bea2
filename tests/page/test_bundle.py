import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "web" / "scripts" / "check_bundle.py"


def test_the_bundle_was_made_from_the_sources() -> None:
    spec = importlib.util.spec_from_file_location("check_bundle", SCRIPT)
    assert spec and spec.loader
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    assert (check.BUNDLE / "sources.sha256").read_text("ascii").strip() == check.sources_checksum()
    assert "BSD" in (check.BUNDLE / "LICENSES.txt").read_text("utf-8")
