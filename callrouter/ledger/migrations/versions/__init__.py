"""One file a step of the ledger's shape."""
