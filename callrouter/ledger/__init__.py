"""Finished calls in SQL: the record that money is reconciled against."""
