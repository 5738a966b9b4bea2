"""How far the audio in a file goes, by the structure of its container, without decoding."""

from stemtree.audio.containers.extent import Extent
from stemtree.audio.containers.measure import measure, measure_mpeg
from stemtree.audio.containers.mpeg import Frame, MpegStream, mpeg_frames, mpeg_stream
from stemtree.audio.containers.view import ByteView

__all__ = ["ByteView", "Extent", "Frame", "MpegStream", "measure", "measure_mpeg", "mpeg_frames", "mpeg_stream"]
