"""Who may log in, and which lines they may watch and control."""
