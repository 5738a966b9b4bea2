"""Code blocks of Markdown pages, and the commands in them."""

import glob
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"(?P<notes>(?:^<!--[^\n]*-->\n)*)^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_NOTE = re.compile(r"<!-- (?P<key>not run|file): (?P<value>.+?) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    A comment on the line before it says ``not run: REASON``, or ``file: NAME`` if readers are to save it under a name.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str = ""
    file: str = ""

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command of a ``sh`` or ``console`` block, on one line, and what a console block says that it prints."""
        text = re.sub(r"\\\n\s*", "", self.text)
        if self.language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, printed = part.partition("\n")
                yield command, printed
        else:
            yield from ((line, "") for line in text.splitlines() if words_of(line))


def blocks(page: Path, name: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    found = []
    for match in _FENCE.finditer(text):
        notes = {note["key"]: note["value"] for note in _NOTE.finditer(match["notes"])}
        line = text.count("\n", 0, match.start("language")) + 1
        block = Block(name, line, match["language"], match["text"], notes.get("not run", ""), notes.get("file", ""))
        found.append(block)
    return found


def words_of(command: str, folder: Path | None = None) -> list[str]:
    """Split a command as a shell does: quotes, comments, variables before it; with a folder, globs too."""
    lexer = shlex.shlex(command, posix=False, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    for word in lexer:
        if not words and re.match(r"[A-Z_]+=", word):
            continue
        if word[0] in "'\"":
            words.append(word[1:-1])
        elif folder and glob.has_magic(word):
            words += sorted(glob.glob(word, root_dir=folder)) or [word]
        else:
            words.append(word)
    return words
