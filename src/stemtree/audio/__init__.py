"""Reading and writing audio in blocks."""

from stemtree.audio.excerpts import Excerpts
from stemtree.audio.formats import FORMATS, LOSSY, WIDTHS, OutputFormat, Width, bytes_needed, is_audio_name
from stemtree.audio.read import open_source, read, to_source
from stemtree.audio.source import READ_SAMPLES, ArraySource, AudioSource, FileSource
from stemtree.audio.stem_reader import StemReader
from stemtree.audio.write import StemWriter

__all__ = [
    "FORMATS",
    "LOSSY",
    "READ_SAMPLES",
    "WIDTHS",
    "ArraySource",
    "AudioSource",
    "Excerpts",
    "FileSource",
    "OutputFormat",
    "StemReader",
    "StemWriter",
    "Width",
    "bytes_needed",
    "is_audio_name",
    "open_source",
    "read",
    "to_source",
]
