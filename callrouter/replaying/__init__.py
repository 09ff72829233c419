"""Recorded calls decided again: under the very settings that they were decided with, and under others."""
