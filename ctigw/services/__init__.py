"""From a request to its answer: one module per service group, none of which knows its transport."""
