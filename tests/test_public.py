"""What `import stemtree` offers is documented whole."""

import inspect
import re
from collections.abc import Iterator

import pytest

import stemtree
from stemtree.separation.result import TreeNode, TreeResult


def documented() -> Iterator[tuple[str, object]]:
    """Public functions, classes and their public methods."""
    for thing in (
        *(getattr(stemtree, name) for name in stemtree.__all__ if name != "__version__"),
        TreeResult,
        TreeNode,
    ):
        yield thing.__name__, thing
        if inspect.isclass(thing):
            for name, method in inspect.getmembers(thing):
                if (
                    not name.startswith("_")
                    and callable(method)  # Python 3.13 counts cached properties among routines
                    and str(getattr(method, "__module__", "")).startswith("stemtree")
                ):
                    yield f"{thing.__name__}.{name}", method


@pytest.mark.parametrize(("name", "thing"), list(documented()))
def test_docstrings_are_whole(name: str, thing: object) -> None:
    text = inspect.getdoc(thing)
    assert text and text.splitlines()[0].endswith("."), name
    if isinstance(thing, type) and issubclass(thing, Exception | TreeNode | TreeResult):
        return  # made by the package alone
    given = [each for each in inspect.signature(thing).parameters if each != "self"]
    if len(given) > 1:
        section = re.search(r"Parameters\n-+\n(.*?)(?:\n\n\S[^\n]*\n-+\n|\Z)", text, re.DOTALL)
        assert section, f"{name} has no section on its parameters"
        missing = [each for each in given if not re.search(rf"^(\w+, )*{each}\b", section[1], re.MULTILINE)]
        assert not missing, f"{name} does not say what {missing} are"
