"""What is printed holds no character that a terminal acts upon, and every failure is one sentence."""

import errno
from pathlib import Path

import pytest

from stemtree.cli import hierarchy
from stemtree.cli.messages import explain, markup, one_line, printable, show
from stemtree.errors import AudioError


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x07\x00\x7f\x9b", "a\\x07\\x00\\x7f\\x9b"),
        ("abc\u202e3pm.wav", "abc\\u202e3pm.wav"),
        ("line\nbreak\u2028", "line\\nbreak\\u2028"),
        ("M\udcf6tor", "M\\xf6tor"),
        ("\ud800", "\\ud800"),
        ("Mötör 🎸 👨‍👩‍👧 日本", "Mötör 🎸 👨‍👩‍👧 日本"),
    ],
)
def test_control_characters_are_escaped(name: str, shown: str) -> None:
    assert printable(name) == shown
    assert markup(f"[red]{name}").replace("\\[", "[") == f"[red]{shown}"


def test_names_between_colons_are_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    show(markup(":bomb:.wav"))
    assert capsys.readouterr().out == ":bomb:.wav\n"


def test_lines_are_joined() -> None:
    assert one_line("a\n b\r\n\x1bc") == "a b \\x1bc"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AudioError("'x' is a folder: give an audio file"), "'x' is a folder: give an audio file"),
        (MemoryError(), "'a.wav' failed: memory runs out: close other programs, or let this one have more"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory"),
            "'a.wav' failed: memory runs out: close other programs, or let this one have more",
        ),
        (
            OSError(errno.EACCES, "Permission denied", "/x"),
            "'a.wav' failed: '/x': Permission denied; check the path, its permissions and the room on the disk",
        ),
        (
            "\udcf6",
            "'a.wav' failed: the name '\udcf6' is not valid text: rename the file or folder",
        ),
        (
            ZeroDivisionError("division by zero"),
            "'a.wav' failed: ZeroDivisionError: division by zero; please report this, with what STEMTREE_TRACEBACK=1 "
            "in the environment prints",
        ),
    ],
)
def test_failures_are_explained(error: Exception | str, sentence: str) -> None:
    if isinstance(error, str):
        with pytest.raises(UnicodeEncodeError) as raised:
            error.encode()
        error = raised.value
    assert explain(error, "'a.wav' failed") == sentence


def test_a_command_that_fails_in_an_unforeseen_way(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(hierarchy, "_draw", fail)
    outcome = cli("hierarchy", "show", "ms21")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("stemtree: KeyError: 'x'; please report this") and outcome.err.count("\n") == 1
    monkeypatch.setenv("STEMTREE_TRACEBACK", "1")
    assert "in fail" in cli("hierarchy", "show", "ms21").err


def test_ctrl_c_ends_any_command_with_a_word(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hierarchy, "_draw", stop)
    outcome = cli("hierarchy", "show", "ms21")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "stemtree: stopped\n")


def test_no_escape_of_a_hierarchy_reaches_the_terminal(cli, tmp_path: Path) -> None:
    (tmp_path / "h.yaml").write_text('name: "a\\e[31m"\ntree:\n  x:\n')
    assert cli("hierarchy", "show", tmp_path / "h.yaml").out.startswith("mixture (a\\x1b[31m)")
