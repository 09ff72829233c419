"""The shared state: one Valkey or Redis, embedded or given by URL, used through one code path."""
