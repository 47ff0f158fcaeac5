"""``python -m ctigw``: the command line."""

from ctigw.cli import main

main(prog_name="ctigw")
