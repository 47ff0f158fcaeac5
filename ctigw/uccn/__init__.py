"""Change notices: what has changed in the directory, as the documents that clients are sent."""
