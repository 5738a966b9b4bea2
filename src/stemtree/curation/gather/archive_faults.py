"""What the errors of the libraries that read archives say of an archive."""

import errno
import lzma
import sys
import zipfile
import zlib
from pathlib import Path

from stemtree.errors import ArchiveError, ArchiveFault

NO_PASSWORD = "get one that is not, or unpack it and pack it anew without a password"
PACK_ANEW = "pack it anew as zip, or as 7z with LZMA2"

_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE, errno.EIO)
_STANDARD = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)
_FAULTS = {
    ArchiveFault.ENCRYPTED: "rarfile.PasswordRequired rarfile.NoCrypto py7zr.exceptions.PasswordRequired",
    ArchiveFault.METHOD: "rarfile.UnsupportedWarning py7zr.exceptions.UnsupportedCompressionMethodError",
    ArchiveFault.NO_READER: "rarfile.RarCannotExec",
    ArchiveFault.BROKEN: "rarfile.Error py7zr.exceptions.ArchiveError py7zr.exceptions.InternalError",
}
"""Classes of errors, the most special first. They have no common base, and their packages need not be installed."""


def explain_library_error(file: Path, error: Exception) -> ArchiveError | None:
    """The error to raise instead of a library's own.

    Parameters
    ----------
    file : pathlib.Path
        The archive.
    error : Exception
        From a library that reads it.

    Returns
    -------
    ArchiveError or None
        None where the archive is not to blame, such as for a full disk.
    """
    fault = _fault(error)
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
    if fault is ArchiveFault.ENCRYPTED:
        message = f"the archive '{file}' is encrypted: {NO_PASSWORD}"
    elif fault is ArchiveFault.METHOD:
        message = f"the archive '{file}' is packed in a way that is not read ({reason}): {PACK_ANEW}"
    elif fault is ArchiveFault.NO_READER:
        message = f"'{file}' needs the program unrar or unar: install one, then again"
    else:
        message = f"the archive '{file}' is broken ({reason}): get a whole copy"
    return ArchiveError(message, fault) if fault else None


def _fault(error: Exception) -> ArchiveFault | None:
    if isinstance(error, OSError) and error.errno in _MACHINE:
        return None
    for fault, names in _FAULTS.items():
        if any(isinstance(error, kind) for name in names.split() if (kind := _loaded(name))):
            return fault
    is_librarys = isinstance(error, _STANDARD) or not _innermost_module(error).startswith("stemtree.")
    return ArchiveFault.BROKEN if is_librarys else None


def _innermost_module(error: Exception) -> str:
    """The module that raised an error; libraries meet headers that make no sense with errors of any class."""
    traceback, module = error.__traceback__, ""
    while traceback:
        module, traceback = traceback.tb_frame.f_globals.get("__name__", ""), traceback.tb_next
    return str(module)


def _loaded(name: str) -> type[Exception] | None:
    """A class of errors, if its module has been imported; else no error can be of it."""
    module, _, kind = name.rpartition(".")
    found: type[Exception] | None = getattr(sys.modules.get(module), kind, None)
    return found
