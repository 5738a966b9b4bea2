"""Loading separators of other projects: offline, and with one sentence on whatever stands in the way."""

from importlib import import_module

from stemtree.errors import SplitterError
from stemtree.separation.splitters.abilities import DEFAULT_MODELS, check_installed
from stemtree.separation.splitters.external_packages import PACKAGES, ExternalPackage
from stemtree.separation.splitters.offline import DownloadAttempt, offline


def load_package(name: str, model: str = "") -> ExternalPackage:
    """Load a model of an installed separator from where the package itself looks for it; nothing is downloaded.

    Parameters
    ----------
    name : str
        A key of `PACKAGES`.
    model : str
        The package's name of the model; empty for its default.

    Raises
    ------
    SplitterError
        If the package is not installed or cannot be imported, if the model does not exist, or if its weights are not on
        this machine or cannot be read.
    """
    check_installed(name)
    package = PACKAGES[name]
    model = model or DEFAULT_MODELS[name]
    download = package.download_command.format(model)
    _import(package)
    try:
        with offline():
            return package(model)
    except DownloadAttempt as missing:
        where = f", or put {missing.url} at '{missing.file}'" if missing.file else ""
        raise SplitterError(
            f"the weights of {name}'s model '{model}' are not on this machine: run `{download}` once{where}"
        ) from None
    except SplitterError:
        raise
    except (Exception, SystemExit) as error:  # code that is not ours may raise anything
        reason = str(error).rstrip(".") or type(error).__name__
        raise SplitterError(
            f"cannot load {name}'s model '{model}': {reason.splitlines()[0]}; check its name, or fetch it anew with "
            f"`{download}`"
        ) from None


def _import(package: type[ExternalPackage]) -> None:
    try:
        for module in package.modules:
            import_module(module)
    except (ImportError, OSError) as error:
        remedy = f"run `pip install {package.name}` with all that it requires"
        if _is_torchaudios(error):
            remedy = (
                "install the torchaudio that was built for your torch (for one without CUDA: "
                "`pip install torchaudio --index-url https://download.pytorch.org/whl/cpu`)"
            )
        raise SplitterError(f"cannot use {package.name}: {error}; {remedy}") from None


def _is_torchaudios(error: ImportError | OSError) -> bool:
    """Whether an import failed because torchaudio is missing or was built for another torch."""
    if isinstance(error, ImportError):
        return (error.name or "").partition(".")[0] == "torchaudio"
    try:
        import_module("torchaudio")
    except OSError:  # of a compiled library that does not load
        return True
    except ImportError:
        pass
    return False
