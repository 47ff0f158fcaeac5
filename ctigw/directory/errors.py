"""What the directory refuses."""

from __future__ import annotations


class DirectoryError(ValueError):
    """The directory cannot do that; the text is one line, for whoever asked."""
