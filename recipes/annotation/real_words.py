"""List the English words that the vocabulary of file names would take for misspelled or joined words of its own.

    python recipes/annotation/real_words.py /usr/share/dict/american-english-large

The list of words is SCOWL's (Debian: wamerican-large). Run it again once ``words.yaml`` has changed.
"""

import argparse
import textwrap
from importlib import resources
from pathlib import Path

import yaml

import stemtree.curation.annotation.classifier.file_names as file_names

HEAD = """\
# English words that are read as they are, though they look like a word of words.yaml with a typing error, or like two
# of them written as one. Made by recipes/annotation/real_words.py from the word lists of SCOWL.
#
# Copyright 2000-2018 by Kevin Atkinson. Permission to use, copy, modify, distribute and sell these word lists, the
# associated scripts, the output created from the scripts, and its documentation for any purpose is hereby granted
# without fee, provided that the above copyright notice appears in all copies and that both that copyright notice and
# this permission notice appear in supporting documentation. Kevin Atkinson makes no representations about the
# suitability of this array for any purpose. It is provided "as is" without express or implied warranty.
"""


def main() -> None:
    """Write ``real_words.txt`` beside the vocabulary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dictionary", type=Path, help="a word on each line")
    folder = resources.files("stemtree.curation.annotation.classifier")
    words = file_names.Vocabulary(yaml.safe_load((folder / "words.yaml").read_text("utf-8")))
    lines = parser.parse_args().dictionary.read_text("utf-8").splitlines()
    known = {file_names.fold(line.strip()) for line in lines if line.strip().isalpha()}
    found = {word for word in known if words.would_mend(word)}
    found -= {word for word in found if word.endswith("s") and word[:-1] in found}  # plurals need no entry
    text = textwrap.fill(" ".join(sorted(found)), 120, break_long_words=False, break_on_hyphens=False)
    Path(str(folder / "real_words.txt")).write_text(f"{HEAD}{text}\n", "utf-8")
    print(f"{len(found)} words")


if __name__ == "__main__":
    main()
