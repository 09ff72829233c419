"""The edge to the telephone network. ``seam`` is what the rest of callrouter knows of it."""
