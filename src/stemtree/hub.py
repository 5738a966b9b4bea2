"""Models on the Hugging Face hub, by their names ``hf:OWNER/NAME`` or ``hf:OWNER/NAME@REVISION``."""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from stemtree.errors import LibraryError, ModelError
from stemtree.extras import library

PREFIX = "hf:"

_NAME = re.compile(r"hf:([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?", re.ASCII)


def is_hub_name(place: str | os.PathLike[str]) -> bool:
    """Whether a model is named by its place on the hub, not by its folder."""
    return os.fspath(place).startswith(PREFIX)


@cache
def fetch(name: str, files: tuple[str, ...]) -> Path:
    """Fetch one file of a model into the hub's cache on this machine, unless it is there, and return its path.

    Parameters
    ----------
    name : str
        Of the model. Where the hub cannot be reached, what was fetched before is used.
    files : tuple of str
        Names of the file, old ones last; the first that the model has is taken.

    Raises
    ------
    LibraryError
        If huggingface_hub is not installed.
    ModelError
        If the name is none, if there is no such model or file, or if the hub cannot be reached.
    """
    repository, revision = _parse(name)
    hub = _library(name)
    unfetched: Exception | None = None
    with _explained(hub, name):
        for file in files:
            try:
                options = {"revision": revision, "tqdm_class": _silent(hub)}
                return Path(hub.hf_hub_download(repository, file, **options))
            except hub.errors.LocalEntryNotFoundError as error:  # it cannot be fetched, and may not be there either
                unfetched = unfetched or error
            except hub.errors.EntryNotFoundError:
                continue
        if unfetched:
            raise unfetched
    raise ModelError(f"'{name}' is no model of stemtree: it has no {files[0]}; check the name")


def fetched() -> list[tuple[str, Path]]:
    """What lies in the hub's cache on this machine: names with their revisions, and the folders of their files.

    Nothing is where huggingface_hub is not installed, or where it has no cache that can be read.
    """
    try:
        hub = _library("in the cache")
    except LibraryError:
        return []
    try:
        kept = hub.scan_cache_dir(hub.constants.HF_HUB_CACHE)
    except (hub.errors.CacheNotFound, ValueError, OSError):
        return []
    found = [
        (f"{PREFIX}{repository.repo_id}{_revision(revision)}", Path(revision.snapshot_path))
        for repository in kept.repos
        if repository.repo_type == "model"
        for revision in repository.revisions
    ]
    return sorted(found)


def _revision(revision: Any) -> str:
    """What a name is followed by for one of the cache's revisions; nothing for the one that is meant without."""
    return "" if "main" in revision.refs else f"@{next(iter(sorted(revision.refs)), revision.commit_hash)}"


def upload(folder: Path, name: str, files: Sequence[str], *, private: bool = False, message: str = "") -> str:
    """Write files of a folder to the hub, which makes the model's place where it has none, and return its address.

    Parameters
    ----------
    folder : pathlib.Path
        With the files.
    name : str
        Of the model; ``hf:`` may be left out.
    files : sequence of str
        Names of files in the folder.
    private : bool
        Whether a new place is seen by its owner only.
    message : str
        Of the commit.

    Raises
    ------
    LibraryError
        If huggingface_hub is not installed.
    ModelError
        If the name is none, if this machine is not logged in or may not write there, or if the hub cannot be reached.
    """
    repository, revision = _parse(name if is_hub_name(name) else PREFIX + name)
    hub = _library(name)
    api = hub.HfApi()
    with _explained(hub, name):
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=list(files), revision=revision,
            commit_message=message or "Model of stemtree",
        )  # fmt: skip
    return str(address)


def _library(name: str) -> Any:
    # which it imports only when they are asked for; each import gives its logger the usual level again
    for part in ("errors", "constants", "utils", "file_download"):
        library(f"huggingface_hub.{part}", "hub", f"the model '{name}' needs")
    return library("huggingface_hub", "hub", f"the model '{name}' needs")


def _parse(name: str) -> tuple[str, str | None]:
    """Repository and revision."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ModelError(f"'{name}' is no name of a model on the Hugging Face hub: give hf:OWNER/NAME")
    return found[1], found[2]


@contextmanager
def _explained(hub: Any, name: str) -> Iterator[None]:
    """Errors of the hub's library as sentences."""
    errors, logger = hub.errors, logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)  # each of its attempts is a warning
    try:
        yield
    except errors.GatedRepoError:
        raise ModelError(
            f"the model '{name}' is given only to those who ask for it: ask on its page, then run `hf auth login`"
        ) from None
    except errors.RepositoryNotFoundError:
        raise ModelError(
            f"the Hugging Face hub shows no model '{name}': check the name, or run `hf auth login` if it is private"
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelError(f"the model '{name}' has no such revision: check what follows the @") from None
    except errors.HFValidationError:
        raise ModelError(f"'{name}' is no name of a model on the Hugging Face hub: give hf:OWNER/NAME") from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "an error")
        remedy = "run `hf auth login`" if status in (401, 403) else "try again later"
        raise ModelError(f"the Hugging Face hub answers {status} on the model '{name}': {remedy}") from None
    except errors.LocalTokenNotFoundError:
        raise ModelError(f"this machine is not logged in to write the model '{name}': run `hf auth login`") from None
    except errors.LocalEntryNotFoundError:
        raise _unreachable(hub, name) from None
    except OSError as error:
        if error.filename is not None:
            raise ModelError(f"cannot keep the model '{name}' in '{error.filename}': {error.strerror}") from None
        raise _unreachable(hub, name) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2", "httpcore", "requests"):
            raise
        raise _unreachable(hub, name) from None
    finally:
        logger.setLevel(level)


def _unreachable(hub: Any, name: str) -> ModelError:
    return ModelError(
        f"cannot reach {hub.constants.ENDPOINT} for the model '{name}', which is not on this machine: check the network"
    )


def _silent(hub: Any) -> Any:
    """The library's progress bar, never shown: no part of this package prints but the command line."""

    class Silent(hub.utils.tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **(options | {"disable": True}))

    return Silent
