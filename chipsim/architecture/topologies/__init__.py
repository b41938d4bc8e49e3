"""The shapes that a network between routers can have, how they are found by name, and what all must keep."""
