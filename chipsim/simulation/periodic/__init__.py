"""A machine whose state comes back, and the periods that need not be simulated (rules T50 to T53)."""
