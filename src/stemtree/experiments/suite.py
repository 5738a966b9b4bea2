"""The runs of experiments in a folder: which there are, how far they are, and by which code."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stemtree.errors import OptionError
from stemtree.experiments.identity import code_identity
from stemtree.experiments.plan import Run
from stemtree.experiments.rows import read_json, unmeasured
from stemtree.experiments.run_folder import ExperimentRun, State
from stemtree.staging import whole_file

CODES = "codes.json"
"""The file that names the versions of the code whose runs are counted."""


@dataclass(frozen=True)
class Suite:
    """Runs in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        With a folder for each run in ``runs``, and the lists of chunks in ``chunks``.
    runs : sequence of Run
        What there is to do, in this order.
    published : pathlib.Path, optional
        A folder of rows that were kept: runs whose rows are there are not done again.
    """

    folder: Path
    runs: Sequence[Run]
    published: Path | None = None

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The versions of the code whose runs are counted, the present one last where it is among them."""
        places = (place for place in (self.folder, self.published) if place)
        found = (read_json(place / CODES, list[str]) for place in places)
        return tuple(next((codes for codes in found if codes is not None), ()))

    def folder_of(self, run: Run) -> ExperimentRun:
        """The folder of a run: that of an earlier counted version of the code if there is one."""
        folders = [self.folder / "runs" / run.key(code) for code in (*self.codes, code_identity())]
        return ExperimentRun(next((folder for folder in folders if folder.exists()), folders[-1]))

    def rows_of(self, run: Run) -> Path | None:
        """The file of a run's rows of all its test sets; None if it is not finished."""
        codes = (*self.codes, code_identity())
        kept = [self.published / f"{run.key(code)}.parquet" for code in codes] if self.published else []
        files = (file for file in (self.folder_of(run).rows, *kept) if file.exists())
        return next((file for file in files if not unmeasured(file, run.lists)), None)

    def state(self, run: Run) -> State:
        """How far a run is."""
        if self.rows_of(run):
            return State.EVALUATED
        if run.missing:
            return State.MISSING
        return self.folder_of(run).state()

    def choose_code(self, choice: str | None) -> None:
        """Count the runs of the present code from now on, with those of before or without.

        Parameters
        ----------
        choice : {"same", "new"}, optional
            Needed where the folder has runs of other code: whether these count too.

        Raises
        ------
        OptionError
            If it is needed and not given.
        """
        if choice not in (None, "same", "new"):
            raise OptionError(f"'{choice}' is no choice of code: give same or new")
        code = code_identity()
        if code in self.codes:
            return
        if self.codes and choice is None:
            raise OptionError(
                f"the code has changed since the runs in '{self.folder}' were made: give --code same if that alters no "
                "result, so that they count, or --code new to do them again"
            )
        codes = [*self.codes, code] if choice == "same" else [code]
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self.folder / CODES) as partial:
            partial.write_text(json.dumps(codes) + "\n", "utf-8")
        self.__dict__.pop("codes", None)
