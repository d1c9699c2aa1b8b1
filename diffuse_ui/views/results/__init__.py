"""The result tabs, one a file: what they ask of a result and how they show the answer."""
