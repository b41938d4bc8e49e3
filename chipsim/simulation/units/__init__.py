"""What works beside the tiles: neuron units, digital units and the host (rules T16 to T18, T22, T27, T48, T73, T82)."""
