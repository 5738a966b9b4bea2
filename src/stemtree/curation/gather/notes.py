"""Notes beside archives and songs: JSON files with the address that a file came from, its checksum and more."""

import json
from pathlib import Path
from typing import Any

SONG_NOTE = "song.json"


def note_file(file: Path) -> Path:
    """The note of a file lies beside it, that of a song's folder in it."""
    return file / SONG_NOTE if file.is_dir() else file.with_name(f"{file.name}.json")


def write_note(file: Path, facts: dict[str, str]) -> None:
    """Write the note of a file."""
    note_file(file).write_text(json.dumps(facts, ensure_ascii=False) + "\n", "utf-8")


def read_note(file: Path) -> dict[str, Any] | None:
    """Read the note of a file or folder; None where there is none that can be read."""
    try:
        facts = json.loads(note_file(file).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def remove_with_note(file: Path) -> None:
    """Remove a file and its note, as far as they are there."""
    for path in (file, note_file(file)):
        path.unlink(missing_ok=True)
