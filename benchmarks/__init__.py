"""What the gateway costs, measured: each module is a program that prints a table."""
