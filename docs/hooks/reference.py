"""Pages of the reference, made from the source tree: one for each room (package) of ``src/stemtree``.

MkDocs calls the functions here by their names (``hooks`` in ``mkdocs.yml``).
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

SOURCES = Path(__file__).parents[2] / "src"
NAV_TITLE = "Reference"


def rooms() -> dict[str, list[str]]:
    """Find the public modules of every package: ``{"stemtree.masks": ["stemtree.masks", "stemtree.masks.ideal"]}``."""
    found: dict[str, list[str]] = {}
    for file in sorted(SOURCES.rglob("*.py")):
        package = ".".join(file.parent.relative_to(SOURCES).parts)
        if file.stem == "__init__":
            found.setdefault(package, []).insert(0, package)
        elif not file.stem.startswith("_"):
            found.setdefault(package, []).append(f"{package}.{file.stem}")
    return dict(sorted(found.items()))


def page_of(room: str) -> str:
    """Name a room's page, relative to ``docs/``."""
    return f"reference/{room}.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the rooms' pages where the navigation says ``Reference``."""
    pages = [{room.partition(".")[2] or room: page_of(room)} for room in rooms()]
    assert config.nav is not None
    for entry in config.nav:
        if isinstance(entry, dict) and NAV_TITLE in entry:
            entry[NAV_TITLE] = pages
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each room, which mkdocstrings fills."""
    for room, modules in rooms().items():
        text = "\n\n".join((f"# `{room}`", *(f"::: {module}" for module in modules)))
        files.append(File.generated(config, page_of(room), content=text))
    return files
