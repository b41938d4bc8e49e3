"""The timing plane: when each thing happens, and how much of it."""
