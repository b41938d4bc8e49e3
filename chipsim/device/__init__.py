"""How a cell behaves: conductance, programming error, drift and noise."""
