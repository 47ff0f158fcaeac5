"""The maps that packages begin with: a module that is not on its package's map, or is only there, is lost."""

from __future__ import annotations

import ast
import pkgutil
import re
from pathlib import Path

import pytest

import ctigw

HOME = Path(ctigw.__file__).parent
_NAMED = re.compile(r"``([a-z_]+)``")
# The packages whose docstrings name their modules line by line.
MAPPED = [
    *("checks", "soap", "soap/axl", "soap/axl/sql", "soap/epas", "soap/pws", "soap/serviceability", "uccn"),
]


def said(package: Path) -> str:
    return ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""


@pytest.mark.parametrize("package", MAPPED)
def test_a_package_names_its_modules(package: str) -> None:
    there = {module.name for module in pkgutil.iter_modules([str(HOME / package)])}
    assert set(_NAMED.findall(said(HOME / package))) == there


def test_no_map_is_forgotten() -> None:
    """The packages that are written so are those above."""
    written = re.compile(r"^``[a-z_]+``", re.MULTILINE)
    found = {file.parent.relative_to(HOME).as_posix() for file in HOME.rglob("__init__.py")}
    assert sorted(MAPPED) == sorted(package for package in found if written.search(said(HOME / package)))
