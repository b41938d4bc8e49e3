"""Tiles and their MVMs, alone or in turns (rules T11 to T15, T42, T70 to T72)."""
