"""Buffers: how much they must hold, and the memory that takes what does not fit (rules T19 to T21, T75)."""
