"""Pictures that a user names: files, and folders of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from core.data.decode import UnreadableError, decode_named
from core.data.listing import inside
from core.errors import UserError, one_line


class NamedPictures:
    """The pictures of some arguments, decoded one after the other; what is none is a line."""

    def __init__(self, arguments: Sequence[str], option: str) -> None:
        """List the files; a folder's own, not those further below, stand in its place.

        option: the command line's name for the arguments, such as IMAGE. Raises UserError for a
        folder that may not be read.
        """
        self.option = option
        self.files: dict[str, None] = {}
        """all of them, each once"""
        self.refused: list[str] = []
        """of each argument that gives no picture, what is wrong"""
        self._of_folder: set[str] = set()
        self._shown = 0
        for argument in arguments:
            folder = _folder(argument)
            files = [argument] if folder is None else [str(p) for p in inside(folder).files]
            self.files |= dict.fromkeys(files)
            self._of_folder |= set(files) if folder else set()
            if not files:
                self._refuse(argument, "no file in it")

    def __iter__(self) -> Iterator[tuple[str, Image.Image]]:
        """Yield file and upright RGB image; a file of a folder that is no picture is left out."""
        for file in self.files:
            try:
                image = decode_named(file)
            except UnreadableError as error:
                if file in self._of_folder:
                    print(f"left out: {one_line(file)}: {error}")
                else:
                    self._refuse(file, str(error))
                continue
            self._shown += 1
            yield file, image
        if self.files and not self._shown and not self.refused:
            self._refuse(str(Path(next(iter(self.files))).parent), "no picture in it")

    def _refuse(self, argument: str, reason: str) -> None:
        self.refused.append(f"{self.option} {argument}: {reason}; a picture file is wanted")

    def check(self) -> None:
        """Raise a UserError where arguments were refused, with all of them."""
        if self.refused:
            raise UserError("; ".join(self.refused))


def _folder(argument: str) -> Path | None:
    try:
        path = Path(argument).expanduser()
        return path if path.is_dir() else None
    except (OSError, RuntimeError):  # a name too long; a home of nobody
        return None
