"""Tags and cover pictures of songs, for the stems that are made of them."""

from stemtree.audio.tags.read import read_tags
from stemtree.audio.tags.tags import Picture, Tags
from stemtree.audio.tags.write import TAGGED, write_tags

__all__ = ["TAGGED", "Picture", "Tags", "read_tags", "write_tags"]
