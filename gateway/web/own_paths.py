"""Which paths are ours: those that no app ever sees."""


class OwnPaths:
    """Knows what is under *prefix*, which is canonical: a slash in front, none at the end."""

    def __init__(self, prefix: str) -> None:
        self._folded = prefix.casefold()
        self._first = self._folded.split("/")[1]

    def cover(self, path: str) -> bool:
        """Say whether *path*, in any spelling, is under our prefix: then no upstream ever sees it."""
        if self._first not in path.casefold():
            return False
        bare = "/".join(segment.partition(";")[0] for segment in path.split("/") if segment)
        folded = f"/{bare}".casefold()
        return folded == self._folded or folded.startswith(f"{self._folded}/")
