"""How every instance learns the same, in one order, from the log that calls write; and how that is kept for good."""
