import subprocess
import sys

SLOW = ("av", "numpy", "polars", "pydantic", "rich", "scipy", "soundfile", "torch", "yaml")


def test_what_is_slow_to_import_waits_until_it_is_used() -> None:
    script = "import sys, stemtree.cli; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert set(imported.split()).isdisjoint(SLOW)
