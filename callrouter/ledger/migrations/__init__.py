"""The ledger's migrations; ``ledger/upgrade.py`` runs them at start."""
