"""A PBX to develop and test against: phones, the people at them, an outside world, and a script of calls."""
