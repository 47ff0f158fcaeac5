"""Who may log in and what they may do, whom they know, and what is set for them and for the site."""
