"""The kinds of corpora by name."""

from stemtree.corpora import folder, medleydb, moisesdb, musdb, slakh
from stemtree.corpora.layout import Layout
from stemtree.errors import OptionError, suggest

KINDS: dict[str, Layout] = {
    **slakh.LAYOUTS,
    **musdb.LAYOUTS,
    **medleydb.LAYOUTS,
    **moisesdb.LAYOUTS,
    **folder.LAYOUTS,
}
"""The layout of each kind. A new corpus is a module with its own ``LAYOUTS``, added here."""


def layout_of(kind: str) -> Layout:
    """Look up the layout of a kind; raises OptionError if there is no such kind."""
    try:
        return KINDS[kind]
    except KeyError:
        raise OptionError(f"there is no kind of corpus '{kind}'{suggest(kind, KINDS)}") from None
