"""Sockets and clocks: everything that is Twisted, and nothing else."""
