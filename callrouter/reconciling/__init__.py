"""A buyer's statement against our ledger: which rows are which calls, what differs, and why."""
