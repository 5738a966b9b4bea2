"""Output that nobody takes, or that cannot hold what is printed, does not change what a command does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stemtree.cli.streams import TolerantStream, tolerant_streams

COMMAND = [sys.executable, "-c", "from stemtree.cli import main; main()"]


def _separate(names: list[str], folder: Path, redirection: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Separate songs in a shell that redirects the command's streams."""
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirection}', "bash", *COMMAND, "separate", *names, "-o", "out", "--depth", "1"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def songs(wav: Path) -> list[str]:
    (wav.parent / "🎸.wav").write_bytes(wav.read_bytes())
    return ["🎸.wav", wav.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_output_is_one_sentence_and_all_songs_are_done(songs: list[str], tmp_path: Path) -> None:
    outcome = _separate(songs, tmp_path, "> /dev/full")
    assert outcome.returncode == 1
    assert outcome.stderr == (
        "stemtree: cannot print (No space left on device): send the output elsewhere, or make room there\n"
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["song", "🎸"]


@pytest.mark.parametrize("redirection", ["| head -1", ">&-", "2>&-", "<&- >&- 2>&-", "> /dev/null 2> /dev/full"])
def test_streams_that_nobody_reads(redirection: str, songs: list[str], tmp_path: Path) -> None:
    outcome = _separate(songs, tmp_path, f"{redirection}; exit ${{PIPESTATUS[0]}}")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["song", "🎸"]


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252:strict"])
def test_names_that_the_output_cannot_hold_are_escaped(encoding: str, songs: list[str], tmp_path: Path) -> None:
    outcome = _separate([*songs, "♫.wav"], tmp_path, "", PYTHONIOENCODING=encoding)
    assert outcome.returncode == 1
    assert outcome.stdout.startswith("out/\\U0001f3b8  -")
    assert outcome.stderr.splitlines()[-1] == "stemtree: 1 of 3 failed: \\u266b.wav"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["song", "🎸"]


def test_help_into_a_full_output() -> None:
    outcome = subprocess.run(["bash", "-c", '"$@" > /dev/full', "bash", *COMMAND, "--help"], capture_output=True)
    assert outcome.returncode == 1 and outcome.stderr.startswith(b"stemtree: cannot print")


def test_a_stream_is_used_until_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    class Failing:
        written = ""

        def write(self, text: str) -> int:
            if self.written:
                raise BrokenPipeError
            self.written = text
            return len(text)

        def flush(self) -> None:
            raise AssertionError("after a failure nothing is flushed")

        def fileno(self) -> int:
            raise OSError("not of the system")

    failing = Failing()
    stream = TolerantStream(failing)  # type: ignore[arg-type]
    assert [stream.write(text) for text in ("ab", "cde", "f")] == [2, 3, 1]
    stream.flush()
    assert failing.written == "ab" and isinstance(stream.failure, BrokenPipeError)


def test_streams_are_as_before_afterwards() -> None:
    before = sys.stdout, sys.stderr
    with tolerant_streams():
        assert sys.stdout is not before[0]
        assert sys.stdout.encoding == before[0].encoding
    assert (sys.stdout, sys.stderr) == before
