"""What is being worked out: jobs, their worker thread, the store of results, one session a window."""
