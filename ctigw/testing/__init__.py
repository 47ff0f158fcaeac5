"""Tests that ship with the product, for those who write something that it works with.  They need pytest."""

try:
    import pytest  # noqa: F401 - to say what is missing
except ModuleNotFoundError:
    raise ImportError("ctigw.testing needs pytest, which is not installed: pip install pytest") from None
