"""What can be wrong with a document."""

from __future__ import annotations


class XmlError(ValueError):
    """The document is not what it claims to be; ``path`` says where, ``why`` says how.

    Neither quotes what the document says: that may be a password, and errors are logged.
    ``name`` and ``namespace`` are those of the root element; "" and None where they could not be read.
    """

    def __init__(self, path: str, why: str, name: str = "", namespace: str | None = None) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why
        self.name, self.namespace = name, namespace


class NotXmlError(XmlError):
    """Not well-formed, or not accepted (DOCTYPE, too deep); ``name`` is that of a message, or ""."""


class UnknownMessageError(XmlError):
    """Well-formed, but its root is no message of the schema."""


class BadValueError(XmlError):
    """A known message with a child missing, or with a value outside its type."""
