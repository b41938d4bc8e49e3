"""What the machine is: the specification of an architecture file and the chip as a graph."""
