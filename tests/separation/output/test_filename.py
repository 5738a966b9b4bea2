import re

import pytest

from stemtree.errors import OptionError
from stemtree.separation.output.filename import Filename


@pytest.mark.parametrize(
    ("template", "folder", "file"),
    [
        ("{track}/{path}.{ext}", "song", "other/bass.wav"),
        ("{track}/{stem}.{ext}", "song", "bass.wav"),
        ("a/{track}.{trackext}/{stem}/x.{ext}", "a/song.mp3", "bass/x.wav"),
        ("{stem}/{track}.{ext}", ".", "bass/song.wav"),
        ("{track} ({stem}).wav", ".", "song (bass).wav"),
        ("{{{track}}}/{stem}.{ext}", "{song}", "bass.wav"),
    ],
)
def test_a_template_divides_into_the_songs_folder_and_the_stems_file(template: str, folder: str, file: str) -> None:
    name = Filename(template)
    name.check("wav")
    assert str(name.song_folder("song", "x/song.mp3")) == folder
    assert name.file("other/bass", "song", "x/song.mp3", "wav") == file
    assert name.names_track and name.has_song_folder == (folder != ".")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("../{track}.{ext}", "leads out of the output folder"),
        ("/tmp/{track}.{ext}", "leads out"),
        ("C:/{track}.{ext}", "leads out"),
        ("{track}\\{stem}.{ext}", "leads out"),
        ("{trak}/{stem}.{ext}", "have no field '{trak}': give {track}, {trackext}"),
        ("{track!r}.{ext}", "no field '{track!r}'"),
        ("{track.__class__}.{ext}", "no field"),
        ("{}.{ext}", "no field '{}'"),
        ("{track/{stem}.{ext}", "is no template"),
        ("{track}//{stem}.{ext}", "is no name of a file"),
        ("./{stem}.{ext}", "is no name of a file"),
        ("{track}/", "is no name of a file"),
        ("", "is no name of a file"),
    ],
)
def test_wrong_templates_are_refused(template: str, message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        Filename(template)


def test_names_that_songs_do_not_have() -> None:
    with pytest.raises(OptionError, match="does not end as mp3 files do"):
        Filename("{track}/{stem}.wav").check("mp3")
    with pytest.raises(OptionError, match="no folder can be named ''"):
        Filename("{trackext}/{stem}.{ext}").song_folder("song", "song")
