"""Computation in the app: jobs, worker threads, the store of results, window sessions."""
