"""From a network and a chip to a plan: which block sits on which tile."""
