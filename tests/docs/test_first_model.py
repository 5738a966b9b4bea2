"""README's route to a first model: its own commands, with smaller numbers."""

import shutil
from pathlib import Path

import pytest
import soundfile
from support.markdown import blocks, words_of
from support.midi import needs_fluidsynth

README = Path(__file__).parents[2] / "README.md"

SMALLER = {
    "corpus render": ("--compose", 3, "--split", "1:1:1", "--excerpt", 10, "--workers", 1),
    "train quickstart": (
        *("--set", "epoch=4", "--set", "validation_size=2", "--set", "trainer.max_epochs=1", "--set", "batch=2"),
        *("--set", "network.units=8", "--set", "network.widths=[4, 8, 8, 8]"),
    ),
    "evaluate runs/first": ("--workers", 1, "--sample", 1),
    "separate song.mp3": (),
}
"""What is added to each command; of an option that is given twice, the last counts."""


def test_commands_for_a_newcomer() -> None:
    (block,) = (block for block in blocks(README, "README.md") if "train quickstart" in block.text)
    commands = [command for command, _ in block.commands()]
    first_model = next(number for number, command in enumerate(commands, start=1) if " train " in command)
    assert first_model <= 4
    assert [command for command in commands if command.startswith("stemtree")] == commands[2:]


@needs_fluidsynth
@pytest.mark.skipif(not shutil.which("mma"), reason="MMA is not installed (Debian: mma)")
def test_route_to_a_first_model(cli, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    samples, rate = soundfile.read(song, start=44100, frames=44100)
    soundfile.write("song.mp3", samples, rate)
    (block,) = (block for block in blocks(README, "README.md") if "train quickstart" in block.text)
    ran = []
    for command, _ in block.commands():
        program, *arguments = words_of(command)
        if program == "stemtree":
            outcome = cli(*arguments, *SMALLER[" ".join(arguments[:2])])
            assert outcome.code == 0, f"{command}\n{outcome.err}"
            ran.append(" ".join(arguments[:2]))
    assert ran == [*SMALLER]
    assert (tmp_path / "first" / "song" / "accompaniment" / "other" / "pianos.wav").exists()
