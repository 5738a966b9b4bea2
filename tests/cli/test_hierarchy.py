from pathlib import Path

from stemtree.hierarchy import available


def test_list(cli) -> None:
    outcome = cli("hierarchy", "list")
    assert outcome.code == 0
    assert [line.split()[0] for line in outcome.out.splitlines()] == list(available())


def test_show(cli) -> None:
    out = cli("hierarchy", "show", "musdb18").out
    assert out.splitlines() == [
        "mixture (musdb18)",
        "├── vocals 1",
        "└── accompaniment 2",
        "    ├── bass 1",
        "    ├── drums 1",
        "    └── other 1",
    ]
    assert len(cli("hierarchy", "show", "ms21", "--level", 2).out.splitlines()) == 6
    outcome = cli("hierarchy", "show", "ms21", "--level", 7)
    assert outcome.code == 1
    assert outcome.err == "stemtree: hierarchy 'ms21' has levels 1 to 3, not 7\n"


def test_show_prints_names_as_they_are(cli, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: '[bold] [/] x'\ntree:\n  {'long ' * 30}end:\n")
    out = cli("hierarchy", "show", file).out
    assert out.splitlines() == ["mixture ([bold] [/] x)", f"└── {'long ' * 30}end 1"]


def test_check(cli, tmp_path: Path) -> None:
    file = tmp_path / "band.yaml"
    file.write_text("tree:\n  voice: [singer]\n  band:\n    drums:\n    rest: [gtr, keys]\n")
    outcome = cli("hierarchy", "check", file)
    assert (outcome.code, outcome.out) == (0, f"{file}: a hierarchy of 2 levels, 4 nodes, 3 leaves and 3 labels\n")
    file.write_text("tree:\n  voice:\n  voice:\n")
    outcome = cli("hierarchy", "check", file)
    assert outcome.code == 1
    assert outcome.err == f"stemtree: {file}: line 3: 'voice' stands twice among siblings\n"
