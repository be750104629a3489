"""Zip files of members that need not make sense."""

import io
import zipfile

__all__ = ["zipped"]


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip file of these members, with right checksums."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
