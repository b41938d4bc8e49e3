"""Why things took as long as they did: causes of waits, the critical path, what would be if."""
